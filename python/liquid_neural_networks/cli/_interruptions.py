"""Interruptions that wait for what must not be cut in two."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional


class _Stop(Exception):
    """We were interrupted."""


class Interruptible:
    """Ends its block at Ctrl-C and SIGTERM, at once or after what must not be cut in two."""

    def __init__(self) -> None:
        self._busy = self._asked = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Interruptible:
        for kind in (signal.SIGINT, signal.SIGTERM):
            self._handlers[kind] = signal.signal(kind, self._interrupt)
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *others: Any) -> bool:
        for which, handler in self._handlers.items():
            signal.signal(which, handler)
        return kind is _Stop

    def _interrupt(self, *_: Any) -> None:
        self._asked = True
        if not self._busy:
            raise _Stop

    @contextmanager
    def not_now(self) -> Iterator[None]:
        """Within, an interruption waits."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._asked:
            raise _Stop
