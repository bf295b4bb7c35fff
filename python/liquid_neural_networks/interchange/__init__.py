"""Weights of other libraries as plain data, of which a network or a file can be made."""

from . import ncps

__all__ = ["ncps"]
