"""What README.org and docs/performance.org must say: tables and sentences, made from the records.

A record is a file that a command wrote when it measured: ``benchmarks/demo.json``,
``benchmarks/speed.json``, ``benchmarks/sigmoid.json``, ``benchmarks/papers/results`` and the
``results.json`` of every example.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.papers import results
from benchmarks.papers.tasks import SETTINGS
from examples.common import Report
from liquid_neural_networks.benchmark import _timing as timing
from liquid_neural_networks.demo import Row
from liquid_neural_networks.demo._task import TEST_FROM, VALID_FROM
from liquid_neural_networks.tasks import TASKS

ROOT = Path(__file__).parents[2]
Table = list[list[str]]


def tables_in(text: str) -> list[Table]:
    """The tables of an org page as rows of cells; rules are left out."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [
            [cell.strip() for cell in line[1:-1].split("|")]
            for line in block.splitlines()
            if not line.startswith("|-")
        ]
        for block in blocks
    ]


def expected_tables() -> list[Table]:
    """Those of the two pages, in their order; of the applications only the heading has numbers."""
    return [
        [_applications_heading()],
        _forecasts(),
        _papers(),
        _control(),
        _few_neurons(),
        _speed(),
        _known_saliency(),
    ]


def differences(text: str) -> list[str]:
    """Every cell and sentence of the pages that is not what the records say."""
    found, expected = tables_in(text), expected_tables()
    if len(found) != len(expected):
        return [f"{len(found)} tables, expected {len(expected)}"]
    wrong = []
    for number, (table, wanted) in enumerate(zip(found, expected), 1):
        rows = table[:1] if number == 1 else table
        if [len(row) for row in rows] != [len(row) for row in wanted]:
            wrong.append(f"table {number} has other rows or columns than expected")
            continue
        wrong += [
            f"table {number}, row {line}: {cell!r}, expected {right!r}"
            for line, (row, cells) in enumerate(zip(rows, wanted), 1)
            for cell, right in zip(row, cells)
            if cell != right
        ]
        digits = [cell for row in table[len(rows) :] for cell in row if re.search(r"\d", cell)]
        wrong += [f"table {number}: {cell!r} has no record" for cell in digits]
    sentences = " ".join(text.split())
    return wrong + [
        f"not found: {each!r}" for each in expected_sentences() if each not in sentences
    ]


@cache
def expected_sentences() -> list[str]:
    """What is said of records outside the tables, line breaks aside."""
    return [*_demo_sentences(), *_training_sentences(), *_speed_sentences()]


def _demo_sentences() -> list[str]:
    demo = record("benchmarks/demo.json")
    liquid = next(row for row in demo["rows"] if row["name"].startswith("liquid"))
    neurons, ahead = liquid["name"].partition(", ")[2], demo["horizon_days"] // 7
    valid, test = (int(str(date)[:4]) for date in (VALID_FROM, TEST_FROM))
    seeds = {3: "three"}[len(demo["seeds"])]
    return [
        f"*Small files*: the network above is {liquid['parameters']} numbers",
        f"Below, {neurons} forecast the carbon dioxide of the air {ahead} weeks ahead",
        f"the time constants of its {neurons} over the test years",
        f"mean and range of {seeds} seeds",
        f"on forecasts before {valid}, the best epoch chosen on {valid} to {test - 1}, tested on "
        f"{test} to {demo['dates'][-1][:4]}.",
    ]


def _training_sentences() -> list[str]:
    units = {name: setting.units for name, setting in SETTINGS.items()}
    episodes = {
        str(len(scores))
        for name in CONTROL
        for row in example(name).rows
        if row.parameters
        for scores in row.scores.values()
    }
    return [
        f"{units['half_cheetah']} units ({units['walker2d']} for walker2d",
        f"{int(TASKS['mnist'].size.split()[0]):,} images are here, and each to train on",
        f"All have {units['mnist']} neurons or cells on digits",
        f"an LSTM of 46, with about the parameters of those with a memory, has "
        f"{papers_cell('mnist', 'lstm 46')}.",
        f"Driven alone for {' or '.join(sorted(episodes))} episodes",
    ]


def _speed_sentences() -> list[str]:
    speed = record("benchmarks/speed.json")
    memory, roofline = speed["memory"], speed["roofline"]
    _, threads, instructions, torch, _ = speed["machine"].split(", ")
    instructions = {"avx2": "AVX2", "avx512": "AVX-512"}[instructions]
    shares = " and ".join(
        f"{100 * roofline['network'] / rate:.0f} % as fast as {roof}"
        for roof, rate in roofline["roofs"].items()
    )
    differ = [row["error"] for row in speed["peers"] if row["name"].startswith("ncps")]
    sigmoid = max(each["largest_error"] for each in record("benchmarks/sigmoid.json").values())
    return [
        f"({instructions}) with {threads}, float32 and {torch.rpartition('.')[0]}",
        f"outputs to {_power(max(error for error in differ if error is not None))}.",
        f"A training step with 302 neurons takes {memory['fused']:.0f} MiB, that of =ncps= "
        f"{memory['ncps LTC'] / 1024:.0f} GiB",
        f"for {1e3 * timing.SLICE:.0f} ms in each of its turns",
        f"in sigmoids, {shares}, and each is right to {sigmoid * 1e7:.2f}e-7",
    ]


@cache
def record(path: str) -> Any:
    """A JSON file of the repository."""
    return json.loads((ROOT / path).read_text("utf-8"))


def example(name: str) -> Report:
    """What an example measured."""
    return Report.from_dict(record(f"examples/{name}/results.json"))


def _applications_heading() -> list[str]:
    """The sizes are those the examples that it lists build their liquid networks with."""
    readme = (ROOT / "README.org").read_text("utf-8")
    sizes = []
    for name in re.findall(r"\[\[file:examples/(\w+)\]", readme.partition("| application ")[2]):
        source = (ROOT / "examples" / name / "__main__.py").read_text("utf-8")
        (layers,) = re.findall(
            r"hidden_size=(\d+)|ncp\(inter=(\d+), command=(\d+), motor=(\d+)\)", source
        )
        sizes.append(sum(int(size) for size in layers if size))
    least, most = min(sizes), max(sizes)
    return ["application", f"what {least} to {most} liquid neurons do", "where"]


def _forecasts() -> Table:
    demo = record("benchmarks/demo.json")
    ahead, runs = demo["horizon_days"] // 7, len(demo["seeds"])
    heading = [f"forecast {ahead} weeks ahead", "parameters", "RMSE, ppm", f"over {runs} runs"]
    return [heading, *(Row(**row).cells() for row in demo["rows"])]


PAPERS_MODELS = ("liquid", "liquid, memory", "closed form", "closed form, memory", "lstm")
PAPERS_TASKS = {
    "half_cheetah": "LTC",
    "walker2d": "mixed-memory CfC",
    "gesture": "LTC",
    "occupancy": "LTC",
    "traffic": "LTC",
    "xor_irregular": "mixed-memory CfC",
    "mnist": "LTC",
}
"""Task -> the system whose published figure stands beside."""


def _papers() -> Table:
    heading = ["task", "liquid", "with memory", "closed form", "with memory", "LSTM here"]
    rows = []
    for task, system in PAPERS_TASKS.items():
        accuracy = TASKS[task].metric == "accuracy"
        irregular = ", irregular" if task == "walker2d" else ""
        label = f"{task}{irregular}, {'accuracy in %' if accuracy else 'squared error'}"
        figure = TASKS[task].published[system]
        published = f"{100 * figure:.2f}" if accuracy else f"{figure:.3f}"
        rows.append([label, *(papers_cell(task, model) for model in PAPERS_MODELS), published])
    return [[*heading, "published"], *rows]


def papers_cell(task: str, model: str) -> str:
    """The mean of a task under the paper's protocol, with how many seeds."""
    runs = results.runs(results.path(task, "paper")).values()
    scores = [run.score for run in runs if run.model == model]
    if not scores:
        return ""
    mean = sum(scores) / len(scores)
    shown = f"{100 * mean:.1f}" if TASKS[task].metric == "accuracy" else f"{mean:.3f}"
    return f"{shown} ({len(scores)})"


def _papers_parameters(task: str, model: str) -> str:
    runs = results.runs(results.path(task, "paper")).values()
    (count,) = {run.parameters for run in runs if run.model == model}
    return f"{count:,}"


CONTROL = {
    "drone": ("targets in 6 s", "LSTM, 32 cells", ("as learned", "noisy sensors", "wind")),
    "car": ("lane kept in %", "LSTM, 19 cells", ("as learned", "noisy camera", "side wind")),
}
"""Example -> its score, its LSTM, and the conditions shown."""


def _control() -> Table:
    rows = [["task, score", "network", "parameters", "as learned", "noise", "wind"]]
    for name, (score, lstm, conditions) in CONTROL.items():
        report = example(name)
        task = f"{name}, {score} (expert {_score(report, 'expert', conditions[0])})"
        for network, label in (
            ("LSTM", lstm), ("MLP", "MLP, no memory"), ("liquid", "liquid, 19 neurons"),
        ):  # fmt: skip
            scores = [_score(report, network, condition) for condition in conditions]
            rows.append([task, label, str(_parameters(report, network)), *scores])
            task = ""
    return rows


def _score(report: Report, name: str, condition: str) -> str:
    return f"{report.score(name, condition):.{report.digits}f}"


def _parameters(report: Report, name: str) -> int:
    (row,) = (row for row in report.rows if row.name == name)
    return row.parameters


def _known_saliency() -> Table:
    record = json.loads((ROOT / "benchmarks" / "attribution" / "results.json").read_text())

    def areas(runs: str, method: str) -> list[str]:
        found = [each["methods"][method] for each in record[runs]]
        means = (sum(each[area] for each in found) / len(found) for area in ("precision", "recall"))
        return [f"{mean:.3f}".lstrip("0") for mean in means]

    perfect = "a perfect network taken apart by"
    return [
        ["who says which input", "area under precision", "area under recall"],
        ["=attribute=", *areas("hmm", "attribute")],
        ["captum's Shapley values", *areas("hmm", "ShapleyValueSampling")],
        ["captum's integrated gradients", *areas("hmm", "IntegratedGradients")],
        ["captum's occlusion", *areas("hmm", "Occlusion")],
        [f"{perfect} integrated gradients", *areas("exact", "IntegratedGradients")],
        [f"{perfect} occlusion", *areas("exact", "Occlusion")],
    ]


def _few_neurons() -> Table:
    drone = example("drone")
    learned = {name: _score(drone, name, "as learned") for name in ("liquid", "LSTM", "MLP")}
    count = {name: f"{_parameters(drone, name):,}" for name in learned}

    def paper(task: str, model: str) -> str:
        return f"{_papers_parameters(task, model)}: {papers_cell(task, model)}"

    return [
        ["task", "liquid", "conventional"],
        [
            "drone control, targets in 6 s",
            f"19 neurons, {count['liquid']} parameters: {learned['liquid']}",
            f"LSTM, {count['LSTM']}: {learned['LSTM']}; MLP, {count['MLP']}: {learned['MLP']}",
        ],
        [
            "time series, half_cheetah error",
            f"302 neurons, {paper('half_cheetah', 'liquid 302')}",
            f"LSTM, {paper('half_cheetah', 'lstm')}",
        ],
        [
            "digits behind a small convolution, %",
            f"1,000 neurons, {paper('mnist', 'convolutions, liquid 1000')}",
            f"LSTM, {paper('mnist', 'convolutions, lstm')}",
        ],
        ["", "", f"convolutional network, {paper('mnist', 'convolutions')}"],
    ]


SPEED = (
    ("32, 32, 10, 32", "full conductance", " fully connected", "ncps LTC"),
    ("32, 32, 10, 32", "ncp conductance", " NCP", "ncps LTC"),
    ("32, 32, 10, 302", "sparse conductance", ", 10 % of the synapses", "ncps LTC"),
    ("1, 32, 10, 19", "ncp conductance", " NCP", "ncps LTC"),
    ("32, 32, 10, 32", "full closed_form", " closed form", "ncps CfC"),
    ("32, 32, 10, 302", "full closed_form", " closed form", "ncps CfC"),
    ("32, 32, 10, 32", "ncp conductance", " NCP", "nn.LSTM"),
    ("32, 32, 10, 302", "full closed_form", " closed form", "nn.LSTM"),
    ("32, 32, 10, 302", "full dense", " dense dynamics", "nn.LSTM"),
)
"""Sizes, what they are called in the record and in the table, and the peer."""


def _speed() -> Table:
    speed = record("benchmarks/speed.json")
    ratios = {(row["case"], row["mode"], row["name"]): row["ratio"] for row in speed["peers"]}
    wired, closed = speed["streaming"]["conductance"], speed["streaming"]["closed_form"]
    rows = [["batch, steps, inputs, neurons", "beside", "forward", "training step"]]
    for sizes, case, words, peer in SPEED:
        beside = f"=ncps= {peer.split()[1]}" if peer.startswith("ncps") else f"={peer}="
        found = [_times(ratios[f"{sizes} {case}", mode, peer]) for mode in ("forward", "train")]
        rows.append([f"{sizes}{words}", beside, *found])
    return [
        *rows,
        [
            f"one streaming step of 19 neurons: {wired['ours_us']:.2g} us",
            "=ncps= LTC", _times(wired["ratio"]), "",
        ],
        [
            f"one of 32 neurons, closed form: {closed['ours_us']:.2g} us",
            "=ncps= CfC", _times(closed["ratio"]), "",
        ],
    ]  # fmt: skip


def _times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


def _power(number: float) -> str:
    """3e-7 rather than 3e-07."""
    return re.sub(r"e-0*", "e-", f"{number:.0e}")
