"""Copies what the examples measured into their READMEs and docs/applications.org.

python -m examples.weather --output examples/weather    # measures
python -m examples                                      # copies
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks import org
from examples.common import Report

HERE = Path(__file__).parent
FOLDERS = sorted(path.parent for path in HERE.glob("*/results.json"))
PAGE = HERE.parent / "docs" / "applications.org"
HEAD = """\
#+title: Applications
#+options: toc:2 num:nil ^:nil

Written by =python -m examples= from what each example measured; do not edit. Seeds: mean ±
deviation. Episodes: mean ± half the 95 % interval.

"""


def readme(folder: Path) -> str:
    """The README of an example, with the table of what it measured."""
    found = json.loads((folder / "results.json").read_text())
    text = (folder / "README.org").read_text()
    return org.with_table(text, "results", Report.from_dict(found).cells())


def section(folder: Path) -> str:
    """What docs/applications.org says of an example."""
    found = json.loads((folder / "results.json").read_text())
    report = Report.from_dict(found)
    title = (folder / "README.org").read_text().partition("\n")[0].removeprefix("#+title: ")
    command = f"=python -m examples.{folder.name}=, {found['minutes']} minutes"
    note = f"{report.note}\n\n" if report.note else ""
    return f"* {title}\n{command}. {report.metric}.\n{org.table(report.cells())}\n{note}"


def page() -> str:
    """All of docs/applications.org."""
    return HEAD + "".join(map(section, FOLDERS))


@click.command(help=__doc__)
def main() -> None:
    for folder in FOLDERS:
        (folder / "README.org").write_text(readme(folder))
    PAGE.write_text(page())
    click.echo(f"{len(FOLDERS)} examples: their READMEs, and {PAGE}")


if __name__ == "__main__":
    main()
