"""Whether anybody looks at a progress bar."""

from __future__ import annotations

import sys


def seen() -> bool:
    """Whether standard error is a terminal, or this is a notebook: a log file wants no bars."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
