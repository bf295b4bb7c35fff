"""The version of this package, as it was installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("liquid-neural-networks")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0+unknown"
