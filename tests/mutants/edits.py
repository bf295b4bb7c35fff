"""Faults written by hand: in a file, a text that stands there once, and what is planted for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import copies

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib


@dataclass(frozen=True)
class Edit:
    """Attributes:
    name: what is wrong then.
    file: relative to the root.
    before: text that stands in the file exactly once.
    after: what takes its place.
    tests: files, test functions or namespaces that can catch it.
    """

    name: str
    file: Path
    before: str
    after: str
    tests: tuple[str, ...]

    def planted(self) -> str:
        """The file with the fault.

        Raises:
            ValueError: the text does not stand there once.
        """
        text = (copies.ROOT / self.file).read_text()
        if text.count(self.before) != 1:
            times = text.count(self.before)
            raise ValueError(f"{self.name}: stands {times} times in {self.file}: {self.before!r}")
        return text.replace(self.before, self.after)


def read(name: str) -> list[Edit]:
    """The edits of ``NAME.toml``, every one checked against the checkout.

    Raises:
        ValueError: some cannot be planted; all of them are named.
    """
    data = read_toml(Path(__file__).with_name(f"{name}.toml"))
    found, stale = [], []
    for each in data["edit"]:
        tests = tuple(each.get("tests", data.get("tests", ())))
        edit = Edit(each["name"], Path(each["file"]), each["before"], each["after"], tests)
        try:
            edit.planted()
        except (OSError, ValueError) as error:
            stale.append(str(error))
        found.append(edit)
    if stale:
        raise ValueError("\n".join(stale))
    return found


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())
