"""The results as a table of docs/forecasting.org."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, Optional

from benchmarks.org import with_table
from benchmarks.tables.cases import CASES
from benchmarks.tables.contestants import CONTESTANTS, LINEAR, LNN

PAGE = Path(__file__).parents[2] / "docs" / "forecasting.org"


def write(results: dict[str, Any]) -> None:
    """Puts the table into the page anew."""
    PAGE.write_text(with_table(PAGE.read_text(), "tables", cells(results)))


def cells(results: dict[str, Any]) -> list[list[str]]:
    """Heading, a row for each table that is finished, and the mean rank."""
    rows, ranks = [["table", "horizon", "rows", *CONTESTANTS, "rank"]], []
    for name, record in results.items():
        if not all(contestant in record for contestant in CONTESTANTS):
            continue
        ranks.append(rank(record))
        horizon = str(CASES[name].options.get("horizon", 0 if record["measure"] != "mse" else 1))
        shown = [_shown(record[contestant]) for contestant in CONTESTANTS]
        rows.append([name, horizon, str(record["rows"]), *shown, str(ranks[-1])])
    rows.append(["mean rank", "", "", *("" for _ in CONTESTANTS), f"{fmean(ranks):.2f}"])
    return rows


def rank(record: dict[str, Any], contestant: str = LNN) -> int:
    """The place of a contestant among all but the linear baseline, from 1."""
    sign = 1 if record["measure"] == "mse" else -1
    found = {name: _mean(record[name]) for name in CONTESTANTS if name != LINEAR}
    own = found[contestant]
    assert own is not None
    return 1 + sum(sign * each < sign * own for each in found.values() if each is not None)


def _mean(seeds: dict[str, Any]) -> Optional[float]:
    values = [each["test"] for each in seeds.values() if each is not None]
    return fmean(values) if values else None


def _shown(seeds: dict[str, Any]) -> str:
    values = [each["test"] for each in seeds.values() if each is not None]
    if not values:
        return ""
    return f"{fmean(values):.4g}" + (f" ± {pstdev(values):.2g}" if len(values) > 1 else "")
