"""What the page shows, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

import numpy as np
import torch

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
    neuron, wiring = subject.neuron, subject.neuron.wiring
    values = {name: each.detach() for name, each in neuron.dynamics.values().items()}
    signs = [each.detach().double().cpu().numpy() for each in neuron.dynamics.polarities(values)]
    strengths = [_strength(values, prefix, sign) for prefix, sign in zip(("", "sensory_"), signs)]
    most = max((float(each.max()) for each in strengths if len(each)), default=0.0) or 1.0
    lists = (
        ("synapses", wiring.pre, wiring.post, signs[0], strengths[0] / most),
        ("sensory", wiring.sensory_pre, wiring.sensory_post, signs[1], strengths[1] / most),
    )
    found: Plain = {"layers": [[name, list(ids)] for name, ids in wiring.layers.items()]}
    left = MOST_SYNAPSES
    for name, pre, post, sign, strength in reversed(lists):
        kept = np.sort(np.argsort(-strength)[:left])
        left -= len(kept)
        found[name] = {
            "pre": pre[kept].tolist(),
            "post": post[kept].tolist(),
            "sign": np.where(sign[kept] > 0, 1, -1).tolist(),
            "strength": numbers(strength[kept]),
            "count": len(pre),
        }
    return found


def _strength(values: Mapping[str, torch.Tensor], prefix: str, sign: Array) -> Array:
    """How much a synapse does when it is open."""
    weight = values.get(f"{prefix}w")
    if weight is None or weight.numel() != len(sign):
        weight = torch.from_numpy(sign)
    found: Array = np.abs(weight.double().cpu().numpy())
    return found


def activity(subject: Subject) -> Plain:
    """States and time constants of every neuron, (N, T)."""
    found = subject.trace()
    states = found.states.double().cpu().numpy()
    constants = found.time_constants.double().cpu().numpy()
    size = subject.neuron.wiring.units
    return {
        "times": list(subject.times),
        "unit": subject.unit,
        "inputs": numbers(subject.inputs.T),
        "states": numbers(states.reshape(-1, states.shape[-1])[:, :size].T),
        "constants": numbers(constants.reshape(-1, constants.shape[-1])[:, :size].T),
    }


def attribution(question: str, answer: str, unit: str, parts: Parts) -> Plain:
    """What made the newest output."""
    return {
        "question": question,
        "answer": answer,
        "unit": unit,
        "times": list(parts.times),
        "inputs": numbers(parts.inputs.T),
        "neurons": numbers(parts.neurons),
        "before": float(f"{parts.before:.4g}"),
        "total": float(f"{parts.total:.4g}"),
        "error": float(f"{parts.error:.2g}"),
    }


def lesions(found: Optional[Iterable[Lesion]], label: str) -> Optional[Plain]:
    """Every neuron taken out alone."""
    if found is None:
        return None
    return {"label": label, "change": numbers([each.change for each in found])}
