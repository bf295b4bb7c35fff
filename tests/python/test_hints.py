"""Names of other libraries, and misspelt ones: the error says what is meant."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any, Callable

import pytest
import torch
from click.testing import CliRunner

import liquid_neural_networks
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks._hints import ALSO_CALLED, INSTEAD, explains_keywords, hint
from liquid_neural_networks.cli import COMMANDS, _options, main
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import OptionError
from liquid_neural_networks.solvers import SOLVERS
from liquid_neural_networks.training import SCHEDULES, fit, fit_table

NETWORK = LiquidNetwork(2, 4, 1, seed=0)
INPUTS = torch.zeros(2, 3, 2)


@pytest.mark.parametrize(
    ("call", "argument", "meant"),
    [
        (lambda: LiquidNetwork(2, hiden_size=8), "hiden_size", "did you mean 'hidden_size'?"),
        (lambda: LiquidNetwork(2, units=8), "units", "it is called 'hidden_size' here"),
        (lambda: LiquidNeuron(2, unit=8), "unit", "did you mean 'hidden_size'?"),
        (lambda: LiquidNetwork(2, 8, mode="pure"), "mode", "'type': 'closed_form', 'mode'"),
        (lambda: NETWORK(INPUTS, hx=None), "hx", "it is called 'state' here"),
        (lambda: NETWORK(INPUTS, timespans=1.0), "timespans", "it is called 'elapsed_time' here"),
        (lambda: NETWORK.trace(INPUTS, dt=1.0), "dt", "it is called 'elapsed_time' here"),
        (lambda: NETWORK(INPUTS, zebra=1.0), "zebra", "has no such argument$"),
        (lambda: fit(NETWORK, None, lr=0.1), "lr", "it is called 'learning_rate' here"),
        (lambda: fit_table("t.csv", "y", df=1), "df", "it is called 'table' here"),
        (lambda: LiquidNetwork(2, 8, dynamics="ltc"), "dynamics", "called 'conductance' here"),
        (lambda: LiquidNetwork(2, 8, dynamics="CfC"), "dynamics", "called 'closed_form' here"),
        (lambda: LiquidNetwork(2, 8, solver="Euler"), "solver", "did you mean 'euler'?"),
        (lambda: wiring.recipe({"type": "ncp", "comand": 3}), "comand", "mean 'command'"),
    ],
)
def test_what_was_meant_is_said(call: Callable[[], Any], argument: str, meant: str) -> None:
    with pytest.raises(OptionError, match=meant.replace("?", r"\?")) as caught:
        call()
    assert caught.value.argument == argument


def test_python_programmers_expect_a_type_error() -> None:
    with pytest.raises(TypeError, match="units"):
        LiquidNetwork(2, units=8)


def test_explained_functions_keep_their_signature() -> None:
    assert "elapsed_time" in inspect.signature(NETWORK.forward).parameters
    assert explains_keywords(hint).__doc__ == hint.__doc__


def test_every_hint_leads_to_a_name_that_exists() -> None:
    functions = (LiquidNetwork, NETWORK.forward, fit, fit_table)
    options = {name for each in functions for name in inspect.signature(each).parameters}
    known = {*options, *SOLVERS, *DYNAMICS, *wiring.RECIPES, *SCHEDULES}
    assert set(ALSO_CALLED) <= known
    for ours, others in ALSO_CALLED.items():
        for other in others:
            assert other == other.lower() and hint(other.upper(), [ours]), other
    assert not set(INSTEAD) & set(inspect.signature(LiquidNetwork).parameters)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("trian", "did you mean 'train'?"),
        ("train t.csv --lr 3", "it is called '--learning-rate' here"),
        ("train t.csv --hiden-size 3", "did you mean '--hidden-size'?"),
        ("train t.csv --unit 3", "did you mean '--hidden-size'?"),
        ("train t.csv --target y --dynamics ltc", "it is called 'conductance' here"),
        ("train t.csv --target y --dynamics cfc", "it is called 'closed_form' here"),
    ],
)
def test_the_command_line_says_what_was_meant(line: str, meant: str) -> None:
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 2 and meant in result.stderr


def test_the_command_line_offers_every_registered_name() -> None:
    assert tuple(sorted(SOLVERS)) == _options.SOLVERS
    assert tuple(DYNAMICS) == _options.DYNAMICS
    assert tuple(wiring.RECIPES) == _options.WIRINGS


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)])
def test_help_does_not_wait_for_torch(command: tuple[str, ...]) -> None:
    """Torch takes seconds to import, polars and numpy tenths of one."""
    program = (
        "import sys; from liquid_neural_networks.cli import main\n"
        f"main([*{command!r}, '--help'], standalone_mode=False)\n"
        "print([each for each in ('torch', 'numpy', 'polars') if each in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "Usage: " in shown.stdout and shown.stdout.endswith("[]\n"), shown.stderr


def test_the_package_shows_its_public_names_only() -> None:
    names = dir(liquid_neural_networks)
    assert {"LiquidNetwork", "training", "wiring", "errors"} < set(names)
    assert [each for each in names if each.startswith("_") and not each.startswith("__")] == []
    assert "import_module" not in names
    for name in ("LiquidNetwork", "Trace", "training", "__version__"):
        assert getattr(liquid_neural_networks, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = liquid_neural_networks.nothing_here
