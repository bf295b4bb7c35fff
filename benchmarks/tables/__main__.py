"""Runs the comparison, going on where it stopped: one record a table, contestant and seed."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import torch

from benchmarks.tables import page
from benchmarks.tables.cases import CASES
from benchmarks.tables.contestants import CONTESTANTS, SEEDED, Duel

RECORD = Path(__file__).with_name("results.json")


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=RECORD, show_default=True)
@click.option("--rows", default=4000, show_default=True, help="The newest ones of each table.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--only", multiple=True, help="Tables.  [default: all]")
@click.option("--contestant", "contestants", multiple=True, help="[default: all]")
@click.option("--set", "changed", multiple=True, metavar="OPTION=VALUE", help="Of fit_table.")
def main(
    output: Path,
    rows: int,
    seeds: int,
    only: tuple[str, ...],
    contestants: tuple[str, ...],
    changed: tuple[str, ...],
) -> None:
    torch.set_num_threads(1)
    options = {name: parsed(value) for name, _, value in (each.partition("=") for each in changed)}
    results = json.loads(output.read_text()) if output.exists() else {}
    for seed in range(seeds):
        for name in only or CASES:
            record = results.setdefault(name, {})
            for contestant in contestants or CONTESTANTS:
                key = str(seed) if contestant in SEEDED else "0"
                if key in record.setdefault(contestant, {}):
                    continue
                started = perf_counter()
                case = CASES[name]
                duel = Duel.of(case, case.load().tail(rows), options)
                record["rows"] = min(rows, sum(len(r.rows) for r in duel.prepared.recordings))
                record["measure"] = "mse" if duel.values else "accuracy"
                found = CONTESTANTS[contestant](duel, seed)
                record[contestant][key] = found
                click.echo(f"{name} {contestant} {seed} {found} {perf_counter() - started:.0f} s")
                _save(results, output)
    if output == RECORD:
        page.write(results)


def _save(results: dict[str, Any], output: Path) -> None:
    """In one step: an interruption leaves what was there."""
    beside = output.with_suffix(".part")
    beside.write_text(json.dumps(results, indent=1) + "\n")
    beside.replace(output)


if __name__ == "__main__":
    main()
