"""``Windows``: stretches of equal length, which is what networks are trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

import numpy as np
import torch
from torch import Tensor

from .. import _shapes
from .._checks import check_count, check_flag, check_integer
from ..errors import DataError, DtypeError, ShapeError
from ._series import Series


@dataclass(frozen=True)
class Windows:
    """M sequences of equal length L with what to predict; each starts from the zero state.

    Args:
        inputs: (M, L, I) features, finite.
        targets: (M, L, O) values, NaN where unknown; or (M, L) class indices, -1 where
            unknown. Without L for networks that put out the last sample only.
        elapsed_time: (M, L) time before each sample. Default: 1.
        mask: (M, L, I), False where a feature is missing; or (M, L), False at padding, where
            targets are then unknown whatever they are. Default: nothing is missing.

    Raises:
        ShapeError, DtypeError: the tensors do not belong together.
    """

    inputs: Tensor
    targets: Tensor
    elapsed_time: Optional[Tensor] = None
    mask: Optional[Tensor] = None

    def __post_init__(self) -> None:
        for name in _FIELDS:
            value = getattr(self, name)
            if not (isinstance(value, Tensor) or (value is None and name in _OPTIONAL)):
                raise DtypeError(f"expected a torch tensor, got {type(value).__name__}", name)
        if self.inputs.dim() != 3 or self.inputs.numel() == 0:
            raise ShapeError(
                f"expected (M, L, I), not empty; got {tuple(self.inputs.shape)}", "inputs"
            )
        for name in ("targets", "elapsed_time", "mask"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self):
                raise ShapeError(f"expected {len(self)} windows, got {len(value)}", name)
        object.__setattr__(self, "targets", self._known_targets())

    def __len__(self) -> int:
        """M."""
        return len(self.inputs)

    def __repr__(self) -> str:
        return f"Windows({_shapes.of({name: getattr(self, name) for name in _FIELDS})})"

    def _known_targets(self) -> Tensor:
        """Classes as torch wants them, and nothing to be learned at padding."""
        targets = self.targets if self.targets.is_floating_point() else self.targets.long()
        if self.mask is None or self.mask.dim() != 2 or self.mask.shape != targets.shape[:2]:
            return targets
        if targets.dim() != (2 if self.are_classes else 3):
            return targets  # one for each window
        present = self.mask.bool() if self.are_classes else self.mask.bool().unsqueeze(-1)
        return torch.where(present, targets, -1 if self.are_classes else float("nan"))

    @property
    def are_classes(self) -> bool:
        """Whether the targets are class indices."""
        return not self.targets.is_floating_point()

    def __getitem__(self, chosen: Union[Tensor, slice]) -> Windows:
        """Some of the windows, by a tensor of indices or by a slice."""
        return self._each(lambda _, value: value[chosen])

    def to(self, like: Tensor) -> Windows:
        """On the device of a parameter, values in its dtype."""
        whole = {"mask"} | ({"targets"} if self.are_classes else set())
        return self._each(lambda name, v: v.to(like.device) if name in whole else v.to(like))

    def batches(self, size: int, order: Optional[Tensor] = None) -> Iterator[Windows]:
        """Minibatches of ``size`` windows, in the given order; the last may be smaller."""
        chosen = torch.arange(len(self)) if order is None else order
        for start in range(0, len(chosen), size):
            yield self[chosen[start : start + size]]

    def _each(self, change: Callable[[str, Tensor], Tensor]) -> Windows:
        values = {name: getattr(self, name) for name in _FIELDS}
        changed = {n: change(n, v) for n, v in values.items() if v is not None}
        return Windows(**changed)


class Split(NamedTuple):
    """Windows to train on, to choose the best epoch on, and to test on."""

    train: Windows
    valid: Windows
    test: Windows


_FIELDS = ("inputs", "targets", "elapsed_time", "mask")
_OPTIONAL = ("elapsed_time", "mask")


def windows(
    series: Union[Series, Sequence[Series]],
    length: int,
    stride: Optional[int] = None,
    horizon: int = 1,
    *,
    tail: bool = True,
    pad: bool = False,
) -> Windows:
    """Cuts one or several recordings into windows; none reaches across two recordings.

    The sample at row t is paired with the target at row t + ``horizon``. A series of T rows
    thus has T - ``horizon`` pairs, and windows start at 0, ``stride``, 2 ``stride``, ...

    Args:
        length: L, samples per window.
        stride: rows from the start of a window to the start of the next. Default: ``length``,
            so that windows do not overlap.
        horizon: rows from a sample to its target, at least 0.
        tail: whether one more window ends at the last pair, when the stride leaves some over.
        pad: whether a recording too short for one window makes one all the same, whose last
            samples are masked and have no target; one without any pair makes none.

    Raises:
        DataError: a recording is too short for one window, or with ``pad`` all have no pair.
        DomainError: a size is out of range.

    Example:
        >>> import numpy as np
        >>> from liquid_neural_networks.data import Series, windows
        >>> wave = np.sin(np.arange(100.0))[:, None]
        >>> cut = windows(Series(wave, wave, np.ones(100)), length=32, stride=10)
        >>> cut.inputs.shape
        torch.Size([8, 32, 1])
    """
    recordings = [series] if isinstance(series, Series) else list(series)
    length = check_count("length", length)
    stride = check_count("stride", length if stride is None else stride)
    horizon = check_integer("horizon", horizon, 0)
    check_flag("tail", tail)
    if check_flag("pad", pad):
        recordings = [each for each in recordings if len(each.inputs) > horizon]
    if not recordings:
        raise DataError("expected at least one recording", "series")
    if pad:
        recordings = [_padded(each, length + horizon) for each in recordings]
    parts = [_cut(each, length, stride, horizon, tail) for each in recordings]
    inputs, targets, elapsed = (np.concatenate(field) for field in zip(*parts))
    seen = ~np.isnan(inputs)
    return Windows(
        torch.from_numpy(np.where(seen, inputs, 0.0)).float(),
        torch.from_numpy(targets) if targets.ndim == 2 else torch.from_numpy(targets).float(),
        torch.from_numpy(elapsed).float(),
        None if seen.all() else torch.from_numpy(seen),
    )


def _padded(series: Series, rows: int) -> Series:
    """With rows after the end, up to so many, at which nothing is known."""
    more = rows - len(series.inputs)
    if more <= 0:
        return series
    unknown = -1 if series.targets.ndim == 1 else np.nan
    after = [(0, more), (0, 0)]
    return Series(
        np.pad(series.inputs, after, constant_values=np.nan),
        np.pad(series.targets, after[: series.targets.ndim], constant_values=unknown),
        np.pad(series.elapsed_time, after[:1], constant_values=1.0),
    )


def _cut(series: Series, length: int, stride: int, horizon: int, tail: bool) -> Series:
    pairs = len(series.inputs) - horizon
    if pairs < length:
        raise DataError(
            f"has {len(series.inputs)} rows; windows of {length} that predict {horizon} rows "
            f"ahead need at least {length + horizon}",
            "series",
        )
    last = pairs - length
    starts = list(range(0, last + 1, stride))
    if tail and starts[-1] < last:
        starts.append(last)
    rows = np.array(starts)[:, None] + np.arange(length)
    return Series(series.inputs[rows], series.targets[rows + horizon], series.elapsed_time[rows])
