"""Optional libraries: what to install where one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

from .errors import MissingDependencyError


def missing(library: str, extra: str, argument: Optional[str] = None) -> MissingDependencyError:
    """The error that says which extra of this package brings a library."""
    return MissingDependencyError(
        f"{library} is not installed: pip install 'liquid-neural-networks[{extra}]'", argument
    )


def require(module: str, extra: str, argument: Optional[str] = None) -> Any:
    """An optional module.

    Raises:
        MissingDependencyError: its library is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise missing(module.partition(".")[0], extra, argument) from None
