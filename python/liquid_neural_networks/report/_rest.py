"""Where a network comes to rest while its newest input is held."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import LiquidError
from ..inspection import FixedPoints, fixed_points
from ._subject import Subject

STARTS = 16
"""Random states from which a state of rest is looked for, beside the one that it settles in."""
FEW_NEURONS = 64
"""Of more, one random state has to do: many take minutes."""
SHOWN = 8
"""States of rest in the table."""
OUTPUTS = 6
"""Outputs named of each."""

Plain = dict[str, Any]


def rest_of(subject: Subject) -> Plain:
    """States of rest as a table, or why there is none."""
    starts = STARTS if subject.network.hidden_size <= FEW_NEURONS else 1
    newest = subject.inputs[-1]
    known = ~np.isnan(newest)
    try:
        found = fixed_points(
            subject.network,
            np.where(known, newest, 0.0),
            elapsed_time=float(np.median(subject.elapsed_time)) or 1.0,
            mask=None if known.all() else known,
            starts=starts,
        )
    except LiquidError as error:
        return _none(f"Not looked for: {error}.")
    looked = f"from rest and from {starts} random state{'s' * (starts > 1)}"
    if len(found) == 0:
        return _none(f"None found {looked}, with the newest input held.")
    return {
        "note": f"With the newest input held, {looked}. A stable one draws the network in; "
        "an unstable one it leaves.",
        "caption": "States of rest, the most visited first",
        "heads": ["state of rest", "stable", "starts that led there", "output", "slowest return"],
        "rows": [_row(subject, found, k) for k in range(min(len(found), SHOWN))],
    }


def _none(why: str) -> Plain:
    return {"note": why, "caption": "", "heads": [], "rows": []}


def _row(subject: Subject, found: FixedPoints, k: int) -> list[Any]:
    return [
        str(k + 1),
        "yes" if bool(found.stable[k]) else "no",
        str(int(found.found[k])),
        _said(subject, found, k),
        _return(subject, found, k),
    ]


def _said(subject: Subject, found: FixedPoints, k: int) -> str:
    """What the network says there, of the first outputs."""
    assert found.outputs is not None
    values = found.outputs[k].cpu().numpy() * subject.scale + subject.shift
    if len(values) == 1:
        return f"{values[0]:.4g}"
    said = [f"{name} {value:.4g}" for name, value in zip(subject.outputs, values[:OUTPUTS])]
    if len(values) > OUTPUTS:
        said.append(f"and {len(values) - OUTPUTS} more")
    return ", ".join(said)


def _return(subject: Subject, found: FixedPoints, k: int) -> str:
    """How long the slowest deviation takes to fall to a third."""
    if not bool(found.stable[k]):
        return "never"
    values = found.eigenvalues[k]
    if found.kind == "flow":
        return f"{float(-1 / values.real.max()):.3g} {subject.unit}"
    return f"{float(-1 / np.log(max(float(values.abs().max()), 1e-12))):.3g} rows"
