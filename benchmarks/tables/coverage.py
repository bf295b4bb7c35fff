"""What share of the test part lies below quantiles that the untuned ``lnn`` predicts.

LNN_DATA=... python -m benchmarks.tables.coverage
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import torch

from benchmarks.org import with_table
from benchmarks.tables.cases import CASES
from benchmarks.tables.page import PAGE
from liquid_neural_networks.training import fit_table

RECORD = Path(__file__).with_name("coverage.json")
LEVELS = (0.1, 0.5, 0.9)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--output", type=click.Path(path_type=Path), default=RECORD, show_default=True)
@click.option("--rows", default=4000, show_default=True, help="The newest ones of each table.")
@click.option("--only", multiple=True, help="Tables.  [default: all of values]")
def main(output: Path, rows: int, only: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    found = json.loads(output.read_text()) if output.exists() else {}
    for name in only or CASES:
        case = CASES[name]
        if name in found or case.options.get("classes") or name == "wall_following":
            continue
        table = case.load().tail(rows)
        forecaster = fit_table(table, case.target, quantiles=LEVELS, progress=False, **case.options)
        assert forecaster.test is not None
        found[name] = forecaster.test["coverage"]
        click.echo(f"{name} {found[name]}")
        output.write_text(json.dumps(found, indent=1) + "\n")
    if output == RECORD:
        PAGE.write_text(with_table(PAGE.read_text(), "coverage", cells(found)))


def cells(found: dict[str, list[float]]) -> list[list[str]]:
    """Heading, and a row for each table."""
    rows = [["table", *(f"below {level:g}" for level in LEVELS), "between"]]
    for name, shares in found.items():
        between = shares[-1] - shares[0]
        rows.append([name, *(f"{share:.3f}" for share in (*shares, between))])
    return rows


if __name__ == "__main__":
    main()
