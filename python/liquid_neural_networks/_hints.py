"""Hints: what a misspelt name, or another library's name for the same thing, is called here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import Any, Callable, NoReturn, TypeVar, cast

from .errors import OptionError

Function = TypeVar("Function", bound=Callable[..., Any])

ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    # sizes
    "input_size": ("in_features", "input_dim", "input_features", "n_features", "num_features"),
    "hidden_size": ("units", "num_units", "n_units", "neurons", "hidden_dim", "hidden_units"),
    "output_size": ("out_features", "output_dim", "output_features", "proj_size", "num_classes"),
    "num_layers": ("layers", "n_layers"),
    "unfolds": ("ode_unfolds", "ode_solver_unfolds"),
    "seed": ("random_state", "random_seed"),
    # calls
    "inputs": ("input", "x"),
    "state": ("hx", "h0", "h_0", "hidden_state", "initial_state"),
    "elapsed_time": ("timespans", "timespan", "timestamps", "ts", "dt", "delta_t", "time_delta"),
    "mask": ("lengths", "padding_mask"),
    "time_constants": ("tau", "taus"),
    # training
    "learning_rate": ("lr",),
    "epochs": ("n_epochs", "num_epochs", "max_epochs", "max_iter"),
    "loss": ("criterion", "loss_fn", "objective"),
    "valid": ("val", "validation", "validation_data", "eval_set"),
    "patience": ("early_stopping", "early_stopping_patience"),
    "progress": ("verbose", "progress_bar"),
    "callback": ("callbacks",),
    "schedule": ("scheduler", "lr_scheduler"),
    "max_gradient_norm": ("max_grad_norm", "grad_clip", "gradient_clip", "gradient_clip_val"),
    # tables
    "table": ("data", "df", "dataframe", "frame"),
    "targets": ("target", "label", "labels", "y"),
    "features": ("inputs", "columns", "covariates"),
    "time": ("date", "datetime", "timestamp", "time_column"),
    "horizon": ("steps_ahead", "forecast_horizon", "prediction_length", "fh"),
    "window": ("window_size", "window_length", "lookback", "seq_len", "context_length"),
    # dynamics, solvers and wirings
    "conductance": ("ltc",),
    "closed_form": ("cfc",),
    "fused": ("semi_implicit", "implicit"),
    "euler": ("explicit", "explicit_euler", "forward_euler"),
    "rk4": ("runge_kutta",),
    "adaptive": ("dopri5", "rk45"),
    "auto_ncp": ("autoncp",),
    "fully_connected": ("full", "fullyconnected", "dense"),
}
"""Our name -> what others call it, in lower case."""

INSTEAD: Mapping[str, str] = {
    "device": "call network.to(device)",
    "dtype": "call network.to(dtype)",
    "activation": "write dynamics={'type': 'dense', 'activation': ...}",
    **{
        name: f"write dynamics={{'type': 'closed_form', '{name}': ...}}"
        for name in ("mode", "backbone_units", "backbone_layers", "backbone_dropout")
    },
}
"""Options of other libraries that are no option here, and what to do instead."""


class UnknownKeywordError(OptionError, TypeError):
    """A call has a keyword argument that the function does not take."""


def hint(name: object, known: Iterable[str]) -> str:
    """Which of the names ``known`` was probably meant, as the end of a message; empty if none.

    Case, and hyphens as in the options of a command line, make no difference.
    """
    ours = {_plain(each): each for each in known}
    foreign = {o: ours[n] for n, others in ALSO_CALLED.items() if n in ours for o in others}
    given = _plain(name)
    if given in foreign and given not in ours:
        return f"; it is called {foreign[given]!r} here"
    meant = {**foreign, **ours}
    close = get_close_matches(given, meant, n=1)
    return f"; did you mean {meant[close[0]]!r}?" if close else ""


def _plain(name: object) -> str:
    return str(name).lower().lstrip("-").replace("-", "_")


def explains_keywords(function: Function) -> Function:
    """Makes a function say what was probably meant by a keyword that it does not take.

    Raises:
        UnknownKeywordError: from the function: there is such a keyword.
    """
    known = frozenset(inspect.signature(function).parameters) - {"self"}

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if keywords and not known.issuperset(keywords):
            _refuse(function.__qualname__, next(iter(keywords.keys() - known)), known)
        return function(*arguments, **keywords)

    return cast(Function, call)


def refuse_unknown(function: Callable[..., Any], unknown: Iterable[str]) -> NoReturn:
    """The same for what a function itself took as ``**unknown``: one that torch traces and calls
    often stays the very function it is.

    Raises:
        UnknownKeywordError: there is no such keyword.
    """
    known = frozenset(inspect.signature(function).parameters) - {"self", "unknown"}
    _refuse(function.__qualname__, next(iter(unknown)), known)


def _refuse(function: str, name: str, known: frozenset[str]) -> NoReturn:
    instead = f"; {INSTEAD[name]}" if name in INSTEAD else hint(name, sorted(known))
    called = function.removesuffix(".__init__").removesuffix(".forward")
    raise UnknownKeywordError(f"{called}() has no such argument{instead}", name)
