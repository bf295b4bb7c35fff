"""What the page shows, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import torch

from ..data import Recording
from ..inspection import describe
from ..training import Forecaster, verdict
from ._explain import Parts
from ._lesions import Lesion
from ._subject import Array, Subject

MOST_SYNAPSES = 12_000
"""Synapses in the page, the strongest; beyond it no picture is readable and the page too large."""
MOST_CURVES = 6
"""Curves beside what was observed."""

Plain = dict[str, Any]


def numbers(values: Any) -> Any:
    """Lists of numbers with four digits, None for what is not finite."""
    array = np.asarray(values, dtype=float)
    if array.ndim > 1:
        return [numbers(each) for each in array]
    return [float(f"{x:.4g}") if np.isfinite(x) else None for x in array]


def about(subject: Subject, forecaster: Optional[Forecaster]) -> list[tuple[str, str]]:
    """What the network is, as names and words."""
    found = describe(subject.network)
    rows = [line.split("  ", 1) for line in str(found).splitlines()]
    told = [(name.strip(), words.strip()) for name, words in rows]
    if forecaster is None:
        return told
    columns, ahead = forecaster.columns, forecaster.horizon
    when = "in the same row" if ahead == 0 else f"{ahead} row{'s' * (ahead > 1)} ahead"
    first = [
        ("predicts", f"{', '.join(columns.targets)}, {when}"),
        ("reads", ", ".join(columns.features)),
    ]
    if forecaster.aim.baseline != "none":
        first.append(("starts from", forecaster.aim.baseline))
    return [*first, *told]


def shows(group: Optional[str], recordings: Sequence[Recording], measured: bool) -> str:
    """Which series is shown, of a table with several."""
    if len(recordings) < 2:
        return ""
    which = f"Shown is {group} {recordings[-1].group}, the last of {len(recordings)} series"
    return f"{which}; the measures are of all." if measured else f"{which}."


def quality(scores: Optional[Mapping[str, Any]], forecaster: Optional[Forecaster]) -> Any:
    """How good it is beside the baselines."""
    if scores is None or forecaster is None:
        return None
    measure = forecaster.measure
    rows = [["this network", scores[measure]]]
    rows += [[name, each[measure]] for name, each in scores["baselines"].items()]
    better = min if measure in ("mse", "mae") else max
    best = better(value for _, value in rows if value is not None)
    return {
        "measure": measure,
        "verdict": verdict(dict(scores), measure),
        "rows": [[name, value, value == best] for name, value in rows],
        "count": scores.get("count"),
    }


def forecast(forecaster: Forecaster, series: Any, times: tuple[str, ...], rows: int) -> Plain:
    """The newest forecasts with what came true, at the rows where they were made."""
    made = forecaster.run(series).values[-rows:]
    columns, step = forecaster.columns, len(forecaster.aim.steps) - 1
    horizon = forecaster.horizon
    first = len(series.inputs) - len(made)
    if columns.classes is not None:
        shown = np.argsort(-made[:, 0].mean(axis=0))[:MOST_CURVES]
        truth = series.targets[first:]
        if columns.label_per_group:
            truth = np.full(len(made), -1)
        return {
            "label": f"probability of each {columns.targets[0]}",
            "times": list(times[-len(made) :]),
            "actual": None,
            "truth": [str(columns.classes[k]) if k >= 0 else None for k in truth.astype(int)],
            "lines": [[str(columns.classes[k]), numbers(made[:, 0, k])] for k in shown],
            "band": None,
        }
    later = np.full(len(made), np.nan)
    known = series.targets[first + horizon :, 0]
    later[: len(known)] = known
    values, band = made[:, step, 0], None
    if forecaster.quantiles is not None:
        levels = forecaster.quantiles.levels
        name = f"q{100 * levels[0]:g} to q{100 * levels[-1]:g}"
        band = [name, numbers(values[:, 0]), numbers(values[:, -1])]
        values = values[:, forecaster.quantiles.middle]
    ahead = "" if horizon == 0 else f", {horizon} row{'s' * (horizon > 1)} after the time below"
    return {
        "label": f"{columns.targets[0]}{ahead}",
        "times": list(times[-len(made) :]),
        "actual": numbers(later),
        "truth": None,
        "lines": [["forecast", numbers(values)]],
        "band": band,
    }


def wiring_of(subject: Subject) -> Plain:
    """Neurons, synapses, signs and strengths: how open a synapse was on average, times its
    weight where it has one."""
    synapses = _synapses(subject)
    most = max(
        (float(each.strength.max()) for each in synapses.values() if len(each.pre)), default=0
    )
    found: Plain = {"layers": [[name, ids] for name, ids in subject.layers.items()]}
    left = MOST_SYNAPSES
    for name in ("sensory", "synapses"):
        pre, post, sign, strength = synapses[name]
        kept = np.sort(np.argsort(-strength)[:left])
        left -= len(kept)
        found[name] = {
            "pre": pre[kept].tolist(),
            "post": post[kept].tolist(),
            "sign": np.where(sign[kept] > 0, 1, -1).tolist(),
            "strength": numbers(strength[kept] / (most or 1.0)),
            "count": len(pre),
        }
    return found


class _Synapses(NamedTuple):
    pre: Array
    post: Array
    sign: Array
    strength: Array


def _synapses(subject: Subject) -> dict[str, _Synapses]:
    """Those from inputs, and those from neurons, which a higher layer hears as its inputs."""
    network = subject.network
    units, directions = network.hidden_size, network.directions
    found: dict[str, list[_Synapses]] = {"sensory": [], "synapses": []}
    for index, neuron in enumerate(subject.populations):
        wiring, first = neuron.wiring, index * units
        values = {name: each.detach() for name, each in neuron.dynamics.values().items()}
        own, fed = (
            each.detach().double().cpu().numpy() for each in neuron.dynamics.polarities(values)
        )
        depth = index // directions
        below = max(depth - 1, 0) * directions * units
        found["synapses"].append(
            _Synapses(first + wiring.pre, first + wiring.post, own, _strength(values, "", own))
        )
        found["synapses" if depth else "sensory"].append(
            _Synapses(
                below + wiring.sensory_pre, first + wiring.sensory_post, fed,
                _strength(values, "sensory_", fed),
            )
        )  # fmt: skip
    return {n: _Synapses(*map(np.concatenate, zip(*parts))) for n, parts in found.items()}


def _strength(values: Mapping[str, torch.Tensor], prefix: str, sign: Array) -> Array:
    """How much a synapse does when it is open."""
    weight = values.get(f"{prefix}w")
    if weight is None or weight.numel() != len(sign):
        weight = torch.from_numpy(sign)
    found: Array = np.abs(weight.double().cpu().numpy())
    return found


def activity(subject: Subject) -> Plain:
    """States and time constants of every neuron, (P N, T)."""
    found = subject.traces()
    states, constants = (
        torch.cat([getattr(each, name).flatten(0, -2) for each in found], 1).double().cpu().numpy()
        for name in ("states", "time_constants")
    )
    return {
        "times": list(subject.times),
        "unit": subject.unit,
        "inputs": numbers(subject.inputs.T),
        "states": numbers(states.T),
        "constants": numbers(constants.T),
    }


def attribution(words: str, unit: str, parts: Parts) -> Plain:
    """What made the newest output; ``words`` begin to say it."""
    return {
        "words": words,
        "unit": unit,
        "times": list(parts.times),
        "inputs": numbers(parts.inputs.T),
        "neurons": numbers(parts.neurons),
        "before": float(f"{parts.before:.4g}"),
        "total": float(f"{parts.total:.4g}"),
        "error": float(f"{parts.error:.2g}"),
        "first": parts.first,
    }


def lesions(found: Optional[Iterable[Lesion]], label: str) -> Optional[Plain]:
    """Every neuron taken out alone."""
    if found is None:
        return None
    return {"label": label, "change": numbers([each.change for each in found])}
