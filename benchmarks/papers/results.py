"""One file a task and protocol, one line a run; and the tables made from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

from benchmarks.org import table
from liquid_neural_networks.tasks import TASKS

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Run:
    """One training, and what it scored on the test windows at its best validation epoch."""

    task: str
    protocol: str
    model: str
    seed: int
    score: float
    best_epoch: int
    epochs: int
    parameters: int
    seconds: float

    def save(self) -> None:
        """Adds a line to the task's file in one write: it is there whole or not at all, also when
        several processes train side by side."""
        file = path(self.task, self.protocol)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab", buffering=0) as lines:
            lines.write(f"{json.dumps(asdict(self))}\n".encode())


def path(task: str, protocol: str) -> Path:
    """The file with a task's runs under a protocol, one a line."""
    return FOLDER / f"{task}-{protocol}.jsonl"


def runs(file: Path) -> dict[tuple[str, int], Run]:
    """(model, seed) -> run; of two of a kind the later one."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = (Run(**json.loads(line)) for line in lines)
    return {(run.model, run.seed): run for run in found}


def all_runs() -> list[Run]:
    """Every run on record."""
    return [run for file in sorted(FOLDER.glob("*.jsonl")) for run in runs(file).values()]


def cell(scores: list[float], metric: str) -> str:
    """Mean, deviation and count of the seeds, as the papers print them."""
    factor, digits = (100, 2) if metric == "accuracy" else (1, 3 if mean(scores) > 0.1 else 4)
    spread = f" ± {factor * stdev(scores):.{digits}f}" if len(scores) > 1 else ""
    return f"{factor * mean(scores):.{digits}f}{spread} ({len(scores)})"


UNITS = {"mse": "mean squared error, lower is better",
         "accuracy": "accuracy in %, higher is better",
         "auc": "area under the ROC curve, higher is better",
         "f1": "F1 of the rare class, higher is better"}  # fmt: skip


def tables(rules: Mapping[tuple[str, ...], Mapping[str, float]], models: list[str]) -> str:
    """Every task and protocol as an org table, with the published numbers beside."""
    found: dict[tuple[str, str], dict[str, list[Run]]] = {}
    for run in all_runs():
        found.setdefault((run.task, run.protocol), {}).setdefault(run.model, []).append(run)
    parts = []
    for task, protocol in sorted(found, key=lambda key: (list(TASKS).index(key[0]), key[1])):
        parts.append(_table(task, protocol, found[task, protocol], rules, models))
    return "\n".join(parts)


def _table(
    task: str,
    protocol: str,
    by_model: dict[str, list[Run]],
    rules: Mapping[tuple[str, ...], Mapping[str, float]],
    models: list[str],
) -> str:
    metric = TASKS[task].metric
    rows = [["model", "parameters", "epochs", "measured here (seeds)", "published"]]
    for name, value in rules.get((task, protocol), {}).items():
        rows.append([name, "0", "", cell([value], metric).partition(" (")[0], ""])
    published = dict(TASKS[task].published) if protocol == "paper" else {}
    for model in models:
        if model in by_model:
            each = by_model[model]
            measured = cell([run.score for run in each], metric)
            known = _shown(published.pop(PUBLISHED_AS.get(model, ""), None), metric)
            rows.append([model, str(each[0].parameters), str(each[0].epochs), measured, known])
    rows += [[name, "", "", "", _shown(value, metric)] for name, value in published.items()]
    heading = f"* {task}, {protocol} protocol\n{TASKS[task].summary}; {UNITS[metric]}.\n"
    return heading + table(rows)


PUBLISHED_AS = {"lstm": "LSTM", "ct-rnn": "CT-RNN", "liquid": "LTC"}


def _shown(value: float | None, metric: str) -> str:
    if value is None:
        return ""
    return f"{100 * value:.2f}" if metric == "accuracy" else f"{value:.3f}"
