"""The bare installation: what runs without optional libraries, and what the rest says it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from liquid_neural_networks.errors import MissingDependencyError

PACKAGE = Path(__file__).parents[2] / "python" / "liquid_neural_networks"
OPTIONAL = ("matplotlib", "polars", "sklearn", "sktime", "statsmodels", "torchdiffeq", "pandas")

BARE = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None  # as if it were not installed
import torch
from liquid_neural_networks import LiquidNetwork, conformance, engines, errors, inspection, wiring
from liquid_neural_networks.cli import main

network = LiquidNetwork(3, wiring=wiring.ncp(4, 3, 1))
network(torch.zeros(2, 5, 3)).sum().backward()
network.stream().step([0.0, 1.0, 2.0])
inspection.describe(network)
network.save("network.lnn")
main(["inspect", "network.lnn"], standalone_mode=False)

def refused(call):
    try:
        call()
    except errors.MissingDependencyError as error:
        print(error)

import importlib
for module in ("data", "training", "tasks", "plots"):
    refused(lambda: importlib.import_module("liquid_neural_networks." + module))
refused(lambda: LiquidNetwork(3, 4, 1, solver="adaptive")(torch.zeros(2, 5, 3)))
main(["train", "table.csv", "--target", "a"])
"""


def test_the_bare_installation_runs_and_names_the_extra_that_is_missing(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 1
    *_, data, training, tasks, plots, adaptive = run.stdout.splitlines()
    pip = "is not installed: pip install 'liquid-neural-networks[{}]'"
    assert data == training == tasks == "polars " + pip.format("tables")
    assert plots == "matplotlib " + pip.format("plots")
    assert adaptive == "solver: torchdiffeq " + pip.format("adaptive")
    assert run.stderr == f"Error: {data}\n"


def imported() -> set[str]:
    """Top-level names of every library that some module of the package imports or requires."""
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
                names |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
    return {name.partition(".")[0] for name in names}


def test_every_library_that_is_imported_is_declared() -> None:
    text = (PACKAGE.parents[1] / "pyproject.toml").read_text()
    declared = {name.replace("-", "_") for name in re.findall(r'"([\w-]+)(?:\[\w+\])?[><=]', text)}
    modules = {"sklearn": "scikit_learn", "liquid_neural_networks": "torch"}
    used = {modules.get(name, name) for name in imported()} - set(sys.stdlib_module_names)
    assert {"torch", "polars", "matplotlib", "networkx"} < used
    assert used - declared == set()
    assert requires("liquid-neural-networks")


def test_errors_of_missing_libraries_are_import_errors_too() -> None:
    from liquid_neural_networks._extras import require

    with pytest.raises(ImportError, match=r"zebra is not installed: pip install '.*\[all\]'"):
        require("zebra.stripes", "all")
    assert issubclass(MissingDependencyError, ImportError)
