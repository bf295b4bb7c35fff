"""What tests of GPU kernels share: where kernels run, a call with everything in it, the reference.

On a machine with a GPU the tests run on it. Elsewhere one test of a file runs the file again in a
process of its own, where Triton interprets the kernels on the CPU; without Triton it is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import pytest
import torch
from spec.encoding import VECTORS
from torch import Tensor

from liquid_neural_networks import LiquidNeuron, conformance, engines, gpu, solvers
from liquid_neural_networks._sequences import Layout, Sequences

TRITON = find_spec("triton") is not None
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RUNS = TRITON and (DEVICE == "cuda" or gpu.INTERPRETED)
"""Whether kernels run in this process."""

kernels = pytest.mark.skipif(
    not RUNS,
    reason="runs in a process of its own, see test_interpreted"
    if TRITON
    else "THE GPU KERNELS ARE NOT TESTED: Triton is not installed",
)


elsewhere = pytest.mark.skipif(
    not TRITON or RUNS,
    reason="kernels run in this process"
    if RUNS
    else "THE GPU KERNELS ARE NOT TESTED: Triton is not installed",
)


def run_interpreted(file: str) -> None:
    """Every test of a file, where Triton interprets the kernels."""
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "--show-capture=no",
            "-p",
            "no:cacheprovider",
            file,
        ],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


@pytest.fixture(autouse=True, scope="module")
def patched_once() -> Iterator[None]:
    """Triton's interpreter patches its language again at every call of a device function, which
    takes most of its time; once a kernel is enough. For import into every file of such tests."""
    if not (RUNS and gpu.INTERPRETED):
        yield
        return
    from triton.runtime import interpreter

    patch, patched = interpreter._patch_lang, set()

    def patch_once(function: Any) -> Any:
        if id(function.__globals__) in patched:
            return interpreter._LangPatchScope()
        outermost = not patched
        scope = patch(function)
        patched.add(id(function.__globals__))
        if outermost:
            restore = scope.restore

            def restored() -> None:
                patched.clear()
                restore()

            scope.restore = restored
        return scope

    interpreter._patch_lang = patch_once
    yield
    interpreter._patch_lang = patch


# -- against the reference -------------------------------------------------------------------------


class Arguments(NamedTuple):
    """Of a call, float64 on the CPU, as the engine takes them; None where a default applies."""

    inputs: Tensor
    mask: Optional[Tensor] = None
    elapsed_time: Optional[Tensor] = None
    time_constants: Optional[Tensor] = None
    state: Optional[Tensor] = None

    def on(self, dtype: torch.dtype, device: str) -> Arguments:
        """Leaves of this dtype; all but the mask have gradients."""
        made = [None if each is None else each.detach().to(device, dtype) for each in self]
        for place, each in enumerate(made):
            if each is not None and place != 1:
                made[place] = each.clone().requires_grad_()
        return Arguments(*made)  # type: ignore[arg-type]

    def sequences(self) -> Sequences:
        return Sequences(
            self.inputs,
            self.mask,
            None,
            self.elapsed_time,
            self.time_constants,
            Layout(batched=True, batch_first=True),
        )


def arguments(neuron: LiquidNeuron, batch: int, steps: int, rich: bool) -> Arguments:
    """Random ones; all there are if ``rich``."""
    generator = torch.Generator().manual_seed(batch + 10 * steps)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    inputs = normal(batch, steps, neuron.input_size)
    if not rich:
        return Arguments(inputs)
    mask = (normal(*inputs.shape) > -0.5).double()
    return Arguments(
        inputs * mask,
        mask,
        0.5 * normal(batch, steps).abs(),
        0.3 + normal(batch, steps, neuron.hidden_size).abs(),
        0.5 * normal(batch, neuron.state_size),
    )


def on_the_gpu(neuron: LiquidNeuron, given: Arguments) -> Tensor:
    call = (neuron.dynamics, neuron.method, given.sequences(), given.state, neuron.memory)
    assert gpu.why_not(*call) == ""
    return gpu.integrate(*call)


def on_the_reference(neuron: LiquidNeuron, given: Arguments) -> Tensor:
    call = (neuron.dynamics, neuron.method, given.sequences(), given.state, neuron.memory)
    return solvers.integrate(*call)


def reason(neuron: LiquidNeuron, given: Arguments) -> str:
    """Why the GPU engine does not run a call."""
    call = (neuron.dynamics, neuron.method, given.sequences(), given.state, neuron.memory)
    return gpu.why_not(*call)


def answers(neuron: LiquidNeuron, given: Arguments, run: Any) -> dict[str, Tensor]:
    """The states, and the gradient of every argument and parameter."""
    neuron.zero_grad()
    states = run(neuron, given)
    weights = torch.linspace(-1, 1, states.numel(), dtype=states.dtype, device=states.device)
    (states * weights.view_as(states)).sum().backward()
    found = {"states": states.detach()}
    for name, each in given._asdict().items():
        if each is not None and each.requires_grad:
            found[name] = each.grad
    for name, each in neuron.named_parameters():
        found[name] = torch.zeros_like(each) if each.grad is None else each.grad
    return found


def difference(neuron: LiquidNeuron, given: Arguments) -> tuple[float, str]:
    """The largest from the float64 reference, relative to the largest number or 1, and of what."""
    wanted = answers(
        neuron.to("cpu", torch.float64), given.on(torch.float64, "cpu"), on_the_reference
    )
    got = answers(neuron.to(DEVICE, torch.float32), given.on(torch.float32, DEVICE), on_the_gpu)
    assert got.keys() == wanted.keys()
    return max(
        (float((got[name].cpu().double() - each).abs().max() / each.abs().max().clamp(min=1)), name)
        for name, each in wanted.items()
        if each.numel()
    )


# -- the vectors -----------------------------------------------------------------------------------


OTHER_EQUATIONS = ("lrc", "adaptive", "rk4")
OTHER_BACKBONES = ("gelu", "silu")
"""What names of vectors say that no kernel computes: the latter an activation, and a backbone of
three layers."""


def vectors(closed_form: bool) -> list[Path]:
    """Those that kernels of closed form, or the others, run."""
    beyond = (*OTHER_EQUATIONS, *(OTHER_BACKBONES if closed_form else ()))
    found = []
    for path in sorted(VECTORS.glob("*.msgpack")):
        if not any(word in path.stem for word in beyond):
            case = conformance.read(path)
            is_closed_form = dynamics_of(case) == "closed_form"
            if "refused" not in case and is_closed_form == closed_form:
                found.append(path)
    return found


def dynamics_of(case: Any) -> str:
    """The name of a vector's dynamics."""
    dynamics = case["model"]["config"]["dynamics"]
    return str(dynamics if isinstance(dynamics, str) else dynamics["type"])


def reasons_against(path: Path) -> set[str]:
    """Why the GPU engine does not run a vector's populations, empty for each that it runs; no
    reason at all where the vector is of a network that is refused."""
    case = conformance.read(path)
    if "refused" in case:
        return set()
    network = conformance.build(case["model"], torch.float32).to(DEVICE)
    given = conformance._arguments(case["arguments"], torch.float32)
    with torch.no_grad(), engines.report() as choices:
        network(**{name: _leaf(each) for name, each in given.items()})
    return {choice.reasons.get(gpu.NAME, "") for choice in choices}


def check_vector(path: Path) -> None:
    """Outputs, state and gradients of a conformance vector, through a whole network."""
    case = conformance.read(path)
    network = conformance.build(case["model"], torch.float32).to(DEVICE)
    given = conformance._arguments(case["arguments"], torch.float32)
    given = {name: _leaf(each) for name, each in given.items()}
    with engines.report() as choices:
        outputs, state = network(**given, return_state=True)
    assert [each.engine for each in choices] == [gpu.NAME] * len(network.neurons)
    for name, value in (("outputs", outputs), ("state", state)):
        _assert_close(case, name, value, case["expected"][name])
    weights = {name: torch.tensor(each).to(outputs) for name, each in case["weights"].items()}
    batch_first = conformance._batch_first(case, outputs, state)
    sum((each * weights[name]).sum() for name, each in batch_first.items()).backward()  # type: ignore[union-attr]
    gradients = case["expected"]["gradients"]
    for name, value in given.items():
        if gradients.get(name) is not None:
            _assert_close(case, name, value.grad, gradients[name])
    for name, parameter in network.named_parameters():
        short = name.replace(".dynamics", "")
        # Vectors differentiate by values; with softplus something else is stored.
        if parameter.grad is not None and case["model"]["config"]["constraint"] == "clip":
            _assert_close(case, short, parameter.grad, gradients["tensors"][short])


def _leaf(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.detach().to(DEVICE).requires_grad_(value.requires_grad)


def _assert_close(case: Any, name: str, got: Tensor, wanted: np.ndarray[Any, Any]) -> None:
    assert got.shape == wanted.shape, name
    if wanted.size:
        error = np.abs(got.detach().cpu().double().numpy() - wanted).max()
        assert error <= case["tolerance"]["f4"] * max(1.0, np.abs(wanted).max()), name
