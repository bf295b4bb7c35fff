"""Writes the tables of docs/devices.org from a card's record and from the static model's:

python -m benchmarks.gpu.page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

from ..org import with_table

RECORD = Path(__file__).parent / "h200.json"
PREDICTED = Path(__file__).parent / "static_model.json"
PAGE = Path(__file__).parents[2] / "docs" / "devices.org"
LONG = 256
"""Steps from which a row is in the table of long sequences."""


def times(costs: dict[str, Any], slow: str, fast: str) -> str:
    """How many times longer one takes than the other, two digits; empty if one is missing."""
    if slow not in costs or fast not in costs:
        return ""
    ratio = costs[slow]["milliseconds"] / costs[fast]["milliseconds"]
    return f"{ratio:.2g}" if ratio < 100 else f"{float(f'{ratio:.2g}'):.0f}"


def milliseconds(costs: dict[str, Any], name: str) -> str:
    return f"{costs[name]['milliseconds']:.3f}" if name in costs else ""


def short_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """32 steps: as called, and recorded as a CUDA graph."""
    cells = [["network", "batch", "", "ms", "recorded", "ncps", "ncps, both recorded",
              "ncps, ours recorded", "LSTM", "our CPU engine"]]  # fmt: skip
    for row in rows:
        costs = row["costs"]
        if row["cpu"] is not None:
            costs = {**costs, "cpu": {"milliseconds": row["cpu"]}}
        cells.append([
            row["network"], str(row["batch"]), row["mode"], milliseconds(costs, "gpu"),
            milliseconds(costs, "gpu, recorded"), times(costs, "ncps", "gpu"),
            times(costs, "ncps, recorded", "gpu, recorded"), times(costs, "ncps", "gpu, recorded"),
            times(costs, "nn.LSTM", "gpu"), times(costs, "cpu", "gpu"),
        ])  # fmt: skip
    return cells


def long_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Long sequences, as called."""
    cells = [["network", "batch", "steps", "", "ms", "MiB", "ncps", "LSTM"]]
    for row in rows:
        costs = row["costs"]
        cells.append([
            row["network"], str(row["batch"]), str(row["steps"]), row["mode"],
            milliseconds(costs, "gpu"), f"{costs['gpu']['mebibytes']:.1f}",
            times(costs, "ncps", "gpu"), times(costs, "nn.LSTM", "gpu"),
        ])  # fmt: skip
    return cells


def memory_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Peak of what a training step allocates."""
    cells = [["network", "batch", "MiB", "MiB of ncps", "times"]]
    for row in rows:
        costs = row["costs"]
        if row["mode"] == "training" and "ncps" in costs and row["batch"] >= 32:
            own, theirs = (costs[name]["mebibytes"] for name in ("gpu", "ncps"))
            cells.append([row["network"], str(row["batch"]), f"{own:.1f}", f"{theirs:.1f}",
                          f"{theirs / own:.0f}"])  # fmt: skip
    return cells


def kernel_cells(kernels: list[dict[str, Any]]) -> list[list[str]]:
    """The machine code of recurrent kernels."""
    cells = [["class", "kernel", "warps", "registers", "spills", "sm_80", "gfx942", "shared KiB",
              "instructions a synapse", "unfold / special functions"]]  # fmt: skip
    for each in filter(lambda each: each["loops"], kernels):
        unfold = each["loops"][-1]
        known = each["per_synapse"] is not None
        cells.append([
            each["class"], each["kernel"], str(each["warps"]), str(each["registers"]),
            str(each["spilled"]), *map(elsewhere, each["elsewhere"].values()),
            f"{each['shared'] / 1024:.0f}",
            f"{each['per_synapse']:.1f}" if known else "",
            f"{unfold['work'] / unfold['special']:.2f}" if known else "",
        ])  # fmt: skip
    return cells


def elsewhere(found: Optional[dict[str, int]]) -> str:
    """Registers and spills on another target."""
    return "does not fit" if found is None else f"{found['registers']}, {found['spilled']}"


def predicted_cells(predicted: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[list[str]]:
    """Beside what the card took, recorded as a CUDA graph, for a forward pass and a whole step."""
    cells = [["network", "batch", "forward kernel", "backward kernel", "special functions alone",
              "measured: forward", "measured: training"]]  # fmt: skip
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for each in predicted:
        found.setdefault((each["network"], each["batch"]), {})[each["kernel"]] = each
    for (network, batch), kernels in found.items():
        measured = {
            row["mode"]: milliseconds(row["costs"], "gpu, recorded")
            for row in rows
            if (row["network"], row["batch"]) == (network, batch)
        }
        cells.append([
            network, str(batch), f"{kernels['forward']['predicted']:.3f}",
            f"{kernels['backward']['predicted']:.3f}" if "backward" in kernels else "",
            f"{sum(each['limit'] for each in kernels.values()):.3f}",
            measured.get("forward", ""), measured.get("training", ""),
        ])  # fmt: skip
    return cells


def page(text: str, record: dict[str, Any], static: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    short = [row for row in record["rows"] if row["steps"] < LONG]
    long = [row for row in record["rows"] if row["steps"] >= LONG]
    text = with_table(text, "gpu-short", short_cells(short))
    text = with_table(text, "gpu-long", long_cells(long))
    text = with_table(text, "gpu-memory", memory_cells(short))
    text = with_table(text, "gpu-kernels", kernel_cells(static["kernels"]))
    return with_table(text, "gpu-predicted", predicted_cells(static["predicted"], short))


def main() -> None:
    record, static = (json.loads(each.read_text()) for each in (RECORD, PREDICTED))
    PAGE.write_text(page(PAGE.read_text("utf-8"), record, static), "utf-8")


if __name__ == "__main__":
    main()
