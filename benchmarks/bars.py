"""Which cases are compared with which peer, what ratio each must reach, and a report of both."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from liquid_neural_networks.benchmark import Case


class Bar(NamedTuple):
    """What a case must reach: the peer's time over ours, at least (or at most, below 1)."""

    case: Case
    peer: str
    forward: float | None
    train: float | None


SPARSE = Case(32, 32, 10, 302, "sparse")
BARS = [
    Bar(Case(32, 32, 10, 32), "ncps LTC", 20, 20),
    Bar(Case(32, 32, 10, 32, "ncp"), "ncps LTC", 50, 40),
    Bar(SPARSE, "ncps LTC", 100, 100),
    Bar(Case(1, 32, 10, 19, "ncp"), "ncps LTC", 100, 60),
    Bar(Case(32, 32, 10, 32, "ncp"), "nn.LSTM", None, 1 / 1.5),
    Bar(Case(32, 32, 10, 302, "full", "dense"), "nn.LSTM", None, 1 / 3),
    Bar(Case(32, 32, 10, 32, "full", "closed_form"), "ncps CfC", None, 3),
    Bar(Case(32, 32, 10, 302, "full", "closed_form"), "ncps CfC", None, 3),
]
CASES = list(dict.fromkeys(bar.case for bar in BARS))


def report(results: dict[str, Any]) -> None:
    """Prints every timing, then which bars were reached."""
    print(results["machine"])
    _peers(results["peers"])
    print("\nbars")
    _ratios(results["peers"])
    _streaming_and_memory(results["streaming"], results["memory"])
    _roofline(results["roofline"])
    for name, points in results["scaling"].items():
        sizes, times = zip(*points)
        power = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        print(f"  a training step takes {name} to the power {power:.2f}")


def _peers(rows: list[dict[str, Any]]) -> None:
    heading = f"{'case (B, T, I, N)':38}{'mode':9}{'contestant':12}"
    print(f"\n{heading}{'ms':>10}{'x ours':>9}{'diff':>9}")
    for row in rows:
        error = "" if row["error"] is None else f"{row['error']:.0e}"
        contestant = f"{row['case']:38}{row['mode']:9}{row['name']:12}"
        print(f"{contestant}{row['milliseconds']:10.3f}{row['ratio']:9.2f}{error:>9}")


def _ratios(rows: list[dict[str, Any]]) -> None:
    found = {(row["case"], row["mode"], row["name"]): row["ratio"] for row in rows}
    for bar in BARS:
        for mode, least in (("forward", bar.forward), ("train", bar.train)):
            if least is not None:
                ratio = found[str(bar.case), mode, bar.peer]
                _verdict(f"{bar.case} {mode} / {bar.peer}", ratio, least)


def _streaming_and_memory(stream: dict[str, Any], memory: dict[str, float]) -> None:
    wired, closed = stream["conductance"], stream["closed_form"]
    _verdict("streaming step / ncps LTCCell", wired["ratio"], 50)
    _verdict(f"streaming step {wired['ours_us']:.2f} us, at most 5", 5 / wired["ours_us"], 1)
    _verdict(f"streaming step {closed['ours_us']:.2f} us / ncps CfCCell", closed["ratio"], 10)
    ours, theirs = memory["fused"], memory["ncps LTC"]
    _verdict(f"memory: {ours:.1f} MiB, ncps {theirs:.0f} MiB", theirs / max(ours, 0.1), 20)


def _roofline(measured: dict[str, Any]) -> None:
    """Each roof by its full name: a share means nothing without it."""
    rate = measured["network"]
    for roof, most in measured["roofs"].items():
        what = f"network {rate / 1e9:.2f} G sigmoids/s of {most / 1e9:.2f}: {roof}"
        _verdict(what, rate / most, 0.6)


def _verdict(what: str, value: float, least: float) -> None:
    print(f"  {'ok  ' if value >= least else 'MISS'} {value:8.2f} of {least:7.2f}  {what}")
