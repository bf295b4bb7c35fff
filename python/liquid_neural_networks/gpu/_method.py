"""How the state crosses an interval, as one value."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Method(NamedTuple):
    """A solver and its steps per sample; None and None for dynamics that need none."""

    solver: Optional[str]
    unfolds: Optional[int]
