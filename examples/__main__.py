"""Copies what the examples measured into their READMEs and docs/applications.org.

python -m examples.weather --output examples/weather    # measures
python -m examples                                      # copies
"""

from __future__ import annotations

import json
from itertools import dropwhile
from pathlib import Path

import click

from benchmarks.org import table
from examples.common import Report

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "applications.org"
MARK = "#+name: results\n"
HEAD = """\
#+title: Applications
#+options: toc:2 num:nil ^:nil

Written by =python -m examples= from what each example measured; do not edit. Seeds: mean ±
deviation. Episodes: mean ± half the 95 % interval.

"""


@click.command(help=__doc__)
def main() -> None:
    parts = [HEAD]
    for results in sorted(HERE.glob("*/results.json")):
        found = json.loads(results.read_text())
        report, readme = Report.from_dict(found), results.with_name("README.org")
        text = readme.read_text()
        before, mark, after = text.partition(MARK)
        if not mark:
            raise click.ClickException(f"{readme}: expected a line {MARK.strip()!r}")
        rest = "".join(dropwhile(lambda line: line.startswith("|"), after.splitlines(True)))
        measured = table(report.cells()) + "\n" + (f"{report.note}\n\n" if report.note else "")
        readme.write_text(f"{before}{mark}{table(report.cells())}{rest}")
        title = text.partition("\n")[0].removeprefix("#+title: ")
        command = f"=python -m examples.{results.parent.name}=, {found['minutes']} minutes"
        parts.append(f"* {title}\n{command}. {report.metric}.\n{measured}")
    PAGE.write_text("".join(parts))
    click.echo(f"{len(parts) - 1} examples: their READMEs, and {PAGE}")


if __name__ == "__main__":
    main()
