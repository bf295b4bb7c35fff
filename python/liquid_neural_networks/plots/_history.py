"""The course of a training."""

from __future__ import annotations

from typing import Optional, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .._checks import told
from .._hints import explains_keywords
from ..errors import DtypeError
from ._figure import BLACK, BLUE, GREY, ORANGE, curve, logarithmic, new_axes


class Losses(Protocol):
    """What :func:`plot_history` draws, as a ``training.History`` has it."""

    train_loss: list[float]
    valid_loss: list[float]
    best_epoch: int


@explains_keywords
def plot_history(history: Losses, axes: Optional[Axes] = None) -> Axes:
    """Training and validation loss by epoch; a dot marks the best epoch, whose weights are kept.

    The losses are on a log scale, unless one is zero or less.

    Raises:
        DtypeError: ``history`` has no losses, or ``axes`` are none.
    """
    if not all(hasattr(history, name) for name in ("train_loss", "valid_loss", "best_epoch")):
        raise DtypeError(f"expected a training.History, got {told(history)}", "history")
    axes = new_axes(axes)
    curves = (("training", history.train_loss, BLUE), ("validation", history.valid_loss, ORANGE))
    for name, loss, colour in curves:
        if len(loss) > 0:
            curve(axes, np.arange(1, len(loss) + 1), np.asarray(loss), color=colour, label=name)
    if history.best_epoch > 0:
        _mark_best(axes, history)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    losses = np.array([*history.train_loss, *history.valid_loss])
    if losses.size and losses.min() > 0:
        logarithmic(axes.yaxis, losses)
    if axes.lines:
        axes.legend(frameon=False)
    return axes


def _mark_best(axes: Axes, history: Losses) -> None:
    epoch = history.best_epoch
    loss = (history.valid_loss or history.train_loss)[epoch - 1]
    axes.axvline(epoch, color=GREY, linewidth=0.8, linestyle=":")
    label = f"best epoch: {epoch}, loss {loss:.3g}"
    axes.plot([epoch], [loss], "o", color=BLACK, markersize=5, label=label)
