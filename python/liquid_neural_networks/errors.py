"""The errors this library raises, each naming the argument at fault.

Every error is a :class:`LiquidError` and also the builtin class a Python programmer would
expect (``ValueError`` or ``TypeError``), so both ``except`` styles work. The class names are
normative: ``spec/README.org`` lists them, and other languages use the same ones.
"""

from __future__ import annotations

from typing import Optional


class LiquidError(Exception):
    """Base of every error raised on purpose by this library.

    Attributes:
        argument: name of the argument (or file, or column) at fault, when there is one.
    """

    def __init__(self, message: str, argument: Optional[str] = None):
        super().__init__(f"{argument}: {message}" if argument else message)
        self.argument = argument

    def __reduce__(self):  # type: ignore[no-untyped-def]
        # The message already carries the argument, so it must not be prefixed a second time.
        return (_rebuild, (type(self), str(self), self.argument))


def _rebuild(kind: type[LiquidError], message: str, argument: Optional[str]) -> LiquidError:
    error = kind(message)
    error.argument = argument
    return error


class ShapeError(LiquidError, ValueError):
    """A tensor or array has the wrong rank or size, or is empty."""


class DtypeError(LiquidError, TypeError):
    """A value has the wrong type or numeric dtype, or lives on another device."""


class DomainError(LiquidError, ValueError):
    """A number lies outside its domain: NaN, infinite, negative time, a zero size."""


class OptionError(LiquidError, ValueError):
    """An option is unknown, or contradicts another."""


class DataError(LiquidError, ValueError):
    """A table or data set cannot be used as asked: a missing column, too few rows."""


class ModelFileError(LiquidError, ValueError):
    """A ``.lnn`` file is corrupt, truncated, hostile, or of an unknown version."""


class MissingDependencyError(LiquidError, ImportError):
    """An optional library that this call needs is not installed."""
