"""The comparison on real tables: docs/forecasting.org shows what its record holds."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

pytest.importorskip("sklearn", reason="THE COMPARISON ON TABLES IS NOT TESTED: no scikit-learn")

from benchmarks.org import table
from benchmarks.tables import coverage, page
from benchmarks.tables.contestants import LINEAR, LNN, LSTM_NAME, SEASON, TREES

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "benchmarks/tables/results.json").read_text())
TEXT = (ROOT / "docs/forecasting.org").read_text()


def test_the_page_shows_the_record() -> None:
    assert f"#+name: tables\n{table(page.cells(RESULTS))}" in TEXT
    covered = json.loads((ROOT / "benchmarks/tables/coverage.json").read_text())
    assert f"#+name: coverage\n{table(coverage.cells(covered))}" in TEXT


def test_what_the_page_says_of_the_ranks_is_so() -> None:
    ranks = [page.rank(record) for record in RESULTS.values()]
    assert (len(ranks), sum(rank <= 2 for rank in ranks)) == (19, 16)
    assert sorted(ranks)[-3:] == [3, 3, 4]
    assert (
        "first or second of five on 16 of these 19 tables, third on two and fourth on one" in TEXT
    )
    ahead = {
        rival: [r["measure"] for r in RESULTS.values() if page.rank(r, rival) < page.rank(r)]
        for rival in (TREES, LSTM_NAME)
    }
    assert len(ahead[TREES]) == 6
    assert [ahead[LSTM_NAME].count(measure) for measure in ("mse", "accuracy")] == [5, 1]


def test_what_the_page_says_of_the_taxis_is_so() -> None:
    record = json.loads((ROOT / "benchmarks/tables/nyc_taxi_whole.json").read_text())["nyc_taxi"]
    text = " ".join(TEXT.split())
    assert f"On all its {record['rows']:,} rows" in text
    said = {
        "three seeds of =lnn= reach {}, {} and {}": LNN,
        "last week {}": SEASON,
        "the linear baseline {}": LINEAR,
        "trees {}": TREES,
    }
    for sentence, contestant in said.items():
        found = [each["test"] for each in record[contestant].values()]
        assert sentence.format(*(f"{value / 1e7:.3f}e7" for value in found)) in text
    mean = fmean(each["test"] for each in record[LSTM_NAME].values())
    assert f"three LSTMs {mean / 1e7:.3f}e7" in text


def test_a_rank_counts_those_that_are_better() -> None:
    def of(**found: float) -> dict[str, dict[str, dict[str, float]]]:
        return {name: {"0": {"test": value}} for name, value in found.items()}

    record = {
        **of(season=3.0, LSTM=1.0, lnn=2.0, linear=0.1),
        "trees on lags": {"0": {"test": 4.0}},
        "latest or commonest": {"0": {"test": 1.5}},
    }
    assert page.rank({**record, "measure": "mse"}) == 3
    assert page.rank({**record, "season": {"0": None}, "measure": "accuracy"}) == 2
