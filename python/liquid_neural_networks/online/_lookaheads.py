"""Looking ahead: ``with`` blocks at whose end all is as before, within one another or across."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Callable, TypeVar

Live = TypeVar("Live")


class Mark:
    """Where a lookahead began."""

    def __init__(self, before: Any):
        self.before = before


class Lookaheads:
    """Those that are open.

    One that was opened within another and ends after it goes back to where the other did: nothing
    that came while any was open lasts.
    """

    def __init__(self) -> None:
        self._open: list[Mark] = []

    @property
    def any(self) -> bool:
        """Whether one is open."""
        return bool(self._open)

    def opened(self, before: Any) -> Mark:
        """A new one, which goes back to what was before."""
        self._open.append(Mark(before))
        return self._open[-1]

    def closed(self, mark: Mark) -> Any:
        """What to go back to at the end of one."""
        place = self._open.index(mark)
        for later in self._open[place + 1 :]:
            later.before = mark.before
        del self._open[place]
        return mark.before


class Lookahead(AbstractContextManager[Live]):
    """One of them; a generator with a decorator would take twice as long.

    Args:
        live: what looks ahead.
        begin: returns what ``end`` is given.
    """

    def __init__(self, live: Live, begin: Callable[[], Any], end: Callable[[Any], None]):
        self._live, self._begin, self._end = live, begin, end
        self._begun: list[Any] = []

    def __enter__(self) -> Live:
        self._begun.append(self._begin())
        return self._live

    def __exit__(self, *_: object) -> None:
        self._end(self._begun.pop())
