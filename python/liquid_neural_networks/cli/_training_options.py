"""The options of the commands that train: what to predict, and with which network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ._options import SOLVERS, column_options, dynamics, levels, names, never, wiring

BASELINES = ("none", "latest", "last_day", "last_week", "last_year", "linear")
LOSSES = ("mse", "mae", "huber", "quantile")
# The registries are in modules that import torch, which takes seconds: too long for --help.

_OPTIONS = (
    click.option(
        "--target",
        "targets",
        type=names,
        metavar="NAMES",
        required=True,
        help="Columns to predict.",
    ),
    click.option(
        "--features",
        type=names,
        metavar="NAMES",
        help="Columns to feed.  [default: numeric ones]",
    ),
    click.option(
        "--horizon",
        type=click.IntRange(0),
        help="How many rows ahead to predict.  [default: 1; 0 for classes]",
    ),
    click.option(
        "--classes/--values",
        default=None,
        help="What the target holds.  [default: classes if it is text or true/false]",
    ),
    click.option(
        "--path", is_flag=True, help="Predict every row up to the horizon, rather than that one."
    ),
    click.option(
        "--baseline",
        type=click.Choice(BASELINES),
        help="The simple forecast whose errors are learned; none: the values themselves.  "
        "[default: the best on the validation rows]",
    ),
    click.option(
        "--loss",
        type=click.Choice(LOSSES),
        help="Of values.  [default: mse, or quantile with --quantiles]",
    ),
    click.option(
        "--quantiles",
        type=levels,
        metavar="LEVELS",
        help="Predict these, such as .1,.5,.9, rather than one value.",
    ),
    click.option("--balance", is_flag=True, help="Every class counts the same, however rare."),
    click.option("--window", type=click.IntRange(1), default=32, show_default=True, help="Rows."),
    click.option(
        "--valid",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.15,
        show_default=True,
        help="Fraction of the rows that chooses the best epoch.",
    ),
    click.option(
        "--test",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.15,
        show_default=True,
        help="Fraction of the rows, the newest, kept back to measure the result.",
    ),
    click.option("--hidden-size", type=click.IntRange(1), show_default="32, or the wiring's"),
    click.option(
        "--wiring",
        type=wiring,
        metavar="KIND[:OPTION=NUMBER,...]",
        help="Such as ncp:inter=12,command=6 or auto_ncp:units=32.  [default: fully connected]",
    ),
    click.option(
        "--dynamics",
        type=dynamics,
        metavar="KIND[:OPTION=VALUE,...]",
        default="conductance",
        show_default=True,
        help="Such as dense or closed_form:mode=pure,backbone_units=64.",
    ),
    click.option(
        "--solver",
        type=click.Choice(SOLVERS),
        help="[default: fused; closed_form dynamics have none]",
    ),
    click.option(
        "--unfolds", type=click.IntRange(1), help="Solver steps a row.  [default: 6; none likewise]"
    ),
    click.option(
        "--mixed-memory", is_flag=True, help="Add an LSTM memory cell beside the neurons."
    ),
    click.option("--epochs", type=click.IntRange(1), default=100, show_default=True),
    click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        default=0.01,
        show_default=True,
    ),
    click.option(
        "--schedule",
        type=click.Choice(("constant", "cosine")),
        default="constant",
        show_default=True,
        help="Of the learning rate.",
    ),
    click.option(
        "--max-gradient-norm",
        type=click.FloatRange(0, min_open=True),
        help="Scale longer gradients down to this. Default: never.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(0),
        callback=never,
        default=20,
        show_default=True,
        help="Stop after so many epochs without a better one; 0: never.",
    ),
    click.option(
        "--device", metavar="NAME", help="Where to train, such as cuda.  [default: the CPU]"
    ),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True),
    click.option(
        "--seeds",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Networks to train, with seeds counting up; the best in validation is kept.",
    ),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options, which :func:`fit_table` takes under the same names."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return column_options(command)
