"""Mutants that change nothing anybody can observe, each with the reason: ``equivalent.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import copies
from .edits import read_toml
from .generate import PACKAGE, Mutant


@dataclass(frozen=True)
class Equivalent:
    """Attributes:
    file: relative to the package.
    before: the changed lines as they stand, without the space around.
    after: what the mutant makes of them.
    why: nobody can tell.
    """

    file: str
    before: str
    after: str
    why: str

    def is_of(self, mutant: Mutant) -> bool:
        """Whether this is that mutant."""
        return PACKAGE / self.file == mutant.file and (self.before, self.after) == mutant.change()


def read() -> list[Equivalent]:
    """All of them.

    Raises:
        ValueError: one is of code that is no longer there.
    """
    found = []
    for each in read_toml(Path(__file__).with_name("equivalent.toml")).get("mutant", []):
        made = Equivalent(each["file"], _lines(each["before"]), _lines(each["after"]), each["why"])
        path = copies.ROOT / PACKAGE / made.file
        text = _lines(path.read_text()) if path.exists() else ""
        if made.before not in text:
            raise ValueError(f"equivalent.toml: {made.file} no longer has {made.before!r}")
        found.append(made)
    return found


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())
