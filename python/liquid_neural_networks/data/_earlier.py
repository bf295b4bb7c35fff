"""Model files written before forecasts started from a baseline, as those of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._columns import Columns

EARLIER = {"columns", "horizon", "changes", "history", "test"}
"""The metadata of such a file."""
_SCORES = {"baseline_mse": ("latest", "mse"), "baseline_accuracy": ("commonest", "accuracy")}


def table_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a model file says of the table its network was trained on; nothing changes but in a
    file that has ``changes``: whether the network learned changes of the latest value.

    Raises:
        DataError: the columns are described wrongly.
    """
    if not set(metadata) >= EARLIER or "baseline" in metadata:
        return metadata
    columns, horizon = Columns.from_dict(metadata["columns"]), metadata["horizon"]
    usual = [0.0] * columns.outputs  # which was not kept
    kept = {name: value for name, value in metadata.items() if name != "changes"}
    return {
        **kept,
        "path": False,
        "baselines": {"steps": [horizon], "seasons": {}, "usual": usual, "linear": None},
        "baseline": "latest" if metadata["changes"] else "none",
        "window": 32,
        "loss": "mse" if columns.classes is None else "cross_entropy",
        "quantiles": None,
        "test": _test(metadata["test"]),
    }


def _test(test: Any) -> Any:
    """The scores, with those of baselines in a map of their own."""
    if not isinstance(test, Mapping):
        return test
    own = {name: value for name, value in test.items() if name not in _SCORES}
    found = {_SCORES[name][0]: {_SCORES[name][1]: test[name]} for name in test if name in _SCORES}
    return {**own, "baselines": found}
