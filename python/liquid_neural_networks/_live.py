"""What is live: fed sample by sample, and reset at the end of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Optional, TypeVar

Self = TypeVar("Self", bound="Live")


class Live(ABC):
    """A session that remembers what it was fed."""

    @abstractmethod
    def reset(self) -> None:
        """Back to where it began."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.reset()
