"""What a newcomer gets wrong in any public function that looks inside, draws, reports or resumes:
a typed error names the argument, and a misspelt keyword is told what it was meant to be."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any, Callable

import numpy as np
import polars
import pytest
import torch

from liquid_neural_networks import LiquidNetwork, inspection, online, plots, report
from liquid_neural_networks.errors import DtypeError, LiquidError, OptionError, ShapeError
from liquid_neural_networks.training import Forecaster, fit_table

MODULES = (inspection, plots, report, online)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if isinstance(getattr(module, name), FunctionType)
}
ANY_TEXT = {"label", "time_label", "unit"}
"""Arguments that are drawn as they are, whatever they are."""
TOGETHER = {"names", "times", "time", "parts", "actual", "table", "path", "data"}
"""Arguments of which an error may name another one, a column, or a file."""

NETWORK = LiquidNetwork(3, 4, 2, seed=0)
SMALL = LiquidNetwork(2, 2, 1, seed=0)
INPUTS = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
HOURS = np.arange(60.0)
ROWS = polars.DataFrame({"a": HOURS[:9] % 7, "b": HOURS[:9] % 5})


@lru_cache(maxsize=1)
def forecaster() -> Forecaster:
    table = polars.DataFrame({"hour": HOURS, "level": np.sin(HOURS)})
    options = {"window": 8, "hidden_size": 3, "epochs": 1, "progress": False}
    return fit_table(table, "level", time="hour", **options)


def right(name: str, folder: Path) -> dict[str, Any]:
    """Arguments that a function takes, one for each of its parameters."""
    call = {"time_constants": 1.0, "elapsed_time": 0.5, "mask": None, "state": None}
    asked = {"network": NETWORK, "inputs": INPUTS, **call}
    about = {**asked, "output": 0, "at": 4}
    held = {**asked, "inputs": [0.1, 0.2, 0.3], "population": 0}
    del held["state"]
    searched = {**held, "starts": 2, "tolerance": 1e-10, "seed": 0}
    history = SimpleNamespace(train_loss=[1.0, 0.5], valid_loss=[1.0, 0.6], best_epoch=2)
    neurons = {"trace": NETWORK.trace(INPUTS), "time": HOURS[:5], "time_label": "h"}
    neurons |= {"axes": None, "sequence": 0, "layers": {"a": [0, 1], "b": [2, 3]}}
    learned = fitted = None
    if name in ("resume", "check_snapshot"):
        learned = NETWORK.learner("readout").snapshot()
    if name == "explain":
        fitted = forecaster()
    found: dict[str, dict[str, Any]] = {
        "describe": {"network": NETWORK},
        "synapse_currents": {**asked, "population": 0},
        "attribute": {**about, "baseline": 0.0, "tolerance": 1e-2, "most_pieces": 4},
        "gradient_times_input": about,
        "integrated_gradients": {**about, "baseline": 0.0, "steps": 2},
        "occlusion": {**about, "baseline": 0.0, "window": (5, 3)},
        "lesions": {**about, "of": "neurons", "targets": None, "population": 0},
        "clamp": {**asked, "neurons": {0: 1.0}, "population": 0},
        "what_if": {**asked, "feature": 0, "value": None, "shift": 0.0, "scale": 1.0,
                    "start": 0, "stop": None},
        "time_sensitivity": {**about, "every": (2,)},
        "prune": {**asked, "limit": 0.01},
        "fixed_points": searched,
        "slow_points": {**searched, "speed": 0.1},
        "phase_portrait": {**held, "neurons": (0, 1), "around": None, "span": (0.0, 1.0),
                           "size": 2},
        "activity": {**asked, "population": 0, "opening": 0.01, "margin": 0.02},
        "rules": {**asked, "output": 0, "neuron": None, "depth": 1, "ask": ("inputs",),
                  "names": None, "held_out": 0.5, "seed": 0},
        "formula": {**asked, "output": 0, "neuron": None, "terms": 1, "ask": ("inputs",),
                    "names": None, "held_out": 0.5, "seed": 0},
        "plot_attribution": {"parts": np.ones((4, 2)), "names": ["a", "b"], "times": None,
                             "axes": None, "label": "part", "first": 0},
        "plot_forecast": {"time": HOURS[:4], "actual": HOURS[:4], "forecasts": {"x": HOURS[:4]},
                          "axes": None, "label": "v", "time_label": "t"},
        "plot_history": {"history": history, "axes": None},
        "plot_states": neurons,
        "plot_time_constants": {**neurons, "unit": "h"},
        "plot_wiring": {"network": NETWORK, "axes": None, "names": None},
        "save": {"axes": plots.plot_history(history), "path": folder / "x.svg"},
        "explain": {"forecaster": fitted, "table": {"hour": HOURS, "level": np.sin(HOURS)},
                    "row": 40, "target": "level"},
        "write": {"network": SMALL, "table": ROWS, "path": folder / "page.html", "time": None,
                  "title": "t", "progress": False},
        "resume": {"network": NETWORK, "snapshot": learned},
        "check_snapshot": {"data": learned},
    }  # fmt: skip
    return found[name]


def wrong() -> Iterator[Any]:
    """Slips, from a word in the place of a number to a table in the place of a tensor."""
    yield from ("a", "", object(), 1.5, -1, True, float("nan"), [], {}, [1, 2, "x"], b"x")
    yield from ((0, 0, 0), [[1.0]], {"a": [99]}, {0: "a"}, {9: 1.0}, [None, None])
    yield from (np.ones(7), np.ones((2, 2, 2, 2)), np.array(["a"]), ROWS)
    yield from (INPUTS[0, 0], INPUTS[..., :2], INPUTS.double(), torch.full((2, 5, 3), torch.nan))
    yield from (torch.nn.LSTM, LiquidNetwork, plots.plot_history)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_wrong_argument_is_named(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    function, given = FUNCTIONS[name], right(name, tmp_path)
    assert set(inspect.signature(function).parameters) == set(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(**given)
        for argument in given:
            refused = 0
            for value in wrong():
                if argument == "output" and callable(value):
                    continue  # what a function of somebody else's raises is theirs
                try:
                    function(**{**given, argument: value})
                except LiquidError as error:
                    refused += 1
                    if argument not in TOGETHER:
                        assert str(error.argument).startswith(argument), (argument, value, error)
                except OSError:
                    assert argument in ("path", "table"), (argument, value)
            assert refused or argument in ANY_TEXT, argument


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"resume", "check_snapshot"}))
def test_a_misspelt_keyword_is_told_what_was_meant(name: str, tmp_path: Path) -> None:
    function, given = FUNCTIONS[name], right(name, tmp_path)
    for argument in given:
        slip = argument + argument[-1]
        with pytest.raises(OptionError, match=rf"{name}\(\) has no such argument") as caught:
            function(**{slip if n == argument else n: v for n, v in given.items()})
        assert caught.value.argument == slip
        assert len(argument) < 4 or f"did you mean {argument!r}" in str(caught.value)


def said(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(LiquidError) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


def test_errors_say_what_to_do() -> None:
    table = polars.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]})
    advice = "torch.as_tensor(inputs.to_numpy(), dtype=torch.float32) makes one"
    assert advice in said(NETWORK, table)
    assert advice in said(inspection.attribute, NETWORK, table)
    assert "give its .network" in said(inspection.describe, forecaster())
    assert "give its .network" in said(plots.plot_wiring, forecaster())
    assert "LiquidNetwork.load" in said(inspection.describe, "model.lnn")
    assert "inspection.attribute" in said(report.explain, NETWORK, table)
    assert "network.trace(inputs)" in said(plots.plot_states, NETWORK)
    assert "unsqueeze(-1)" in said(LiquidNetwork(1, 4, 1), torch.ones(8, 20))
    assert "expected 3, one for each input, got 1" in said(plots.plot_wiring, NETWORK, names=["a"])


def test_a_forgotten_batch_is_no_slip() -> None:
    alone = inspection.attribute(NETWORK, INPUTS[1])
    together = inspection.attribute(NETWORK, INPUTS)
    assert torch.allclose(alone.inputs, together.inputs[1], atol=1e-6)


@pytest.mark.parametrize("error", (DtypeError, ShapeError))
def test_long_values_are_not_written_out(error: type[LiquidError]) -> None:
    given = [None] * 1000 if error is DtypeError else list(range(1000))
    with pytest.raises(error) as caught:
        inspection.occlusion(NETWORK, INPUTS, window=given if error is ShapeError else object())
    assert len(str(caught.value)) < 200
