"""Sessions of the C extension: one sample at a time gives what the whole sequence gives."""

from __future__ import annotations

import threading
import time
from typing import Any, Optional

import pytest
import torch
from torch import Tensor

from native_cases import (
    KERNELS,
    Arrays,
    Problem,
    closed_form_problem,
    dtype_of,
    kernel_id,
    native,
    step_problem,
)

every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=kernel_id)

PROBLEMS: dict[str, Any] = {
    "conductance": lambda **o: step_problem(batch=1, steps=6, **o),
    "dense": lambda **o: step_problem("dense", batch=1, steps=6, inputs=5, **o),
    "closed_form": lambda **o: closed_form_problem(batch=1, steps=6, **o),
    "pure": lambda **o: closed_form_problem("pure", batch=1, steps=6, **o),
    "layers": lambda **o: closed_form_problem(
        batch=1, steps=6, backbone=0, activation="none", layer_sizes=(2, 4), **o
    ),
}


class Session:
    """One population, and a readout that doubles its states."""

    def __init__(self, problem: Problem, kernel: int):
        self.problem = problem
        dtype = dtype_of(kernel)
        first = native.FIELDS[problem.table][0][0]
        self.sequence = {name: each for name, each in problem.read.items() if self._steps(name)}
        units, inputs = problem.sizes["N"], problem.read[first].shape[2]
        self.sample = torch.zeros(inputs, dtype=torch.float64)
        values, seen = torch.zeros(inputs, dtype=dtype), torch.ones(inputs, dtype=dtype)
        self.tensors: Arrays = {
            name: (each[:, :1] if name in self.sequence else each).to(dtype).clone()
            for name, each in problem.read.items()
        }
        self.tensors[first] = values.view(1, 1, -1)
        if "mask" in self.tensors:
            self.tensors["mask"] = seen.view(1, 1, -1)
        state = self.tensors.setdefault("state", torch.zeros(1, units, dtype=dtype))
        self.tensors["states"] = state.view(1, 1, -1)
        if "memory" in self.tensors:
            self.tensors["memories"] = self.tensors["memory"].view(1, 1, -1)
        if problem.table == "closed_form":
            given = self.tensors.get("shift", torch.zeros(1, 1, units, dtype=dtype)) + 1.0
            self.tensors["given_shift"] = given
        self.outputs = torch.zeros(units, dtype=dtype)
        readout = {
            "kind": "affine",
            "matrix": 2 * torch.eye(units, dtype=dtype),
            "shift": torch.full((units,), 3.0, dtype=dtype),
            "from": state.view(-1),
            "to": self.outputs,
        }
        step = {"kind": "step", "plan": problem.plan, "tensors": self.tensors}
        self.session = native.open_session(kernel, self.sample, values, seen, (step, readout))
        self.first = first

    def _steps(self, name: str) -> bool:
        dims = next(row[2] for row in native.FIELDS[self.problem.table] if row[0] == name)
        return dims[:2] == ("B", "T")

    def run(self, given: bool) -> Tensor:
        """(T, N): the states, from the outputs."""
        states = []
        for t in range(self.problem.sizes["T"]):
            for name, each in self.sequence.items():
                if name == self.first:
                    self.sample[:] = each[0, t]
                    if "mask" in self.sequence:
                        self.sample[self.sequence["mask"][0, t] == 0] = torch.nan
                elif name != "mask":
                    self.tensors[name].copy_(each[:, t : t + 1])
            if "given_shift" in self.tensors and "shift" in self.tensors:
                self.tensors["given_shift"].copy_(self.tensors["shift"] + 1.0)
            assert native.session_step(self.session, given)
            states.append((self.outputs - 3.0) / 2)
        return torch.stack(states)


@every_kernel
@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("kind", PROBLEMS)
def test_samples_one_by_one(kernel: int, kind: str, memory: bool) -> None:
    for given in (False, True):
        problem = PROBLEMS[kind](memory=memory)
        states = Session(problem, kernel).run(given)
        arrays = problem.forward_arrays(kernel, keep=False)
        if "shift" in arrays and given:
            arrays["shift"] = arrays["shift"] + 1.0
        elif problem.table == "closed_form" and given:
            arrays["shift"] = torch.ones_like(arrays["states"])
        elif not given:
            arrays.pop("time_constants", None)
        native.forward(problem.plan, kernel, arrays, 1)
        tolerance = 1e-12 if kernel % 2 else 1e-5
        torch.testing.assert_close(states, arrays["states"][0], rtol=tolerance, atol=tolerance)


@every_kernel
@pytest.mark.parametrize("sample", [float("inf"), -1e300, 1e39])
def test_a_sample_beyond_the_type(kernel: int, sample: float) -> None:
    session = Session(PROBLEMS["conductance"](), kernel)
    session.sample[1] = sample
    before = session.tensors["state"].clone()
    beyond = abs(sample) > torch.finfo(dtype_of(kernel)).max
    assert native.session_step(session.session, False) is not beyond
    assert torch.equal(session.tensors["state"], before) is beyond


def wide_session() -> Session:
    problem = step_problem(batch=1, steps=2, units=150, density=1.0, unfolds=50)
    return Session(problem, KERNELS[0])


def test_two_threads_at_once() -> None:
    """One of them is refused, sooner or later; neither is disturbed."""
    session = wide_session()
    refused: list[Optional[BaseException]] = []
    start, deadline = threading.Barrier(2), time.monotonic() + 20

    def step() -> None:
        start.wait()
        while not refused and time.monotonic() < deadline:
            try:
                native.session_step(session.session, False)
            except native.Busy as error:
                refused.append(error)

    threads = [threading.Thread(target=step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused and "session" in str(refused[0])


def test_a_session_keeps_its_arrays() -> None:
    session = Session(PROBLEMS["conductance"](), KERNELS[0])
    handle, outputs = session.session, session.outputs
    del session
    torch.zeros(100)
    assert native.session_step(handle, False)
    assert bool(outputs.isfinite().all())


def open_session(stages: Any, **changes: Any) -> Any:
    arrays = {
        "sample": torch.zeros(3, dtype=torch.float64),
        "values": torch.zeros(3),
        "seen": torch.zeros(3),
        **changes,
    }
    return native.open_session(KERNELS[0], *arrays.values(), stages)


def step_stage(**changes: Any) -> dict[str, Any]:
    problem = step_problem(batch=1, steps=1, rich=False)
    arrays: dict[str, Any] = problem.forward_arrays(KERNELS[0])
    return {"kind": "step", "plan": problem.plan, "tensors": {**arrays, **changes}}


AFFINE = {
    "kind": "affine",
    "matrix": torch.zeros(2, 3),
    "shift": torch.zeros(2),
    "from": torch.zeros(3),
    "to": torch.zeros(2),
}


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("stages", (None,)),
        ("stages", ({},)),
        ("stages", ({"kind": "jump"},)),
        ("stages", ({"kind": 3},)),
        ("stages", ({"kind": "step"},)),
        ("stages", ({**step_stage(), "tensors": None},)),
        ("plan", ({**step_stage(), "plan": None},)),
        ("inputs", (step_stage(inputs=torch.zeros(1, 2, 3), states=torch.zeros(1, 2, 5)),)),
        ("inputs", (step_stage(inputs=torch.zeros(2, 1, 3), states=torch.zeros(2, 1, 5)),)),
        ("inputs", (step_stage(inputs=torch.zeros(1, 1, 3).double()),)),
        ("inputs", (AFFINE, step_stage(inputs=None))),
        ("matrix", ({**AFFINE, "matrix": torch.zeros(2)},)),
        ("from", ({**AFFINE, "from": torch.zeros(4)},)),
        ("shift", ({**AFFINE, "shift": None},)),
        ("to", ({**AFFINE, "to": torch.zeros(2, 2)[:, 0]},)),
        ("from", ({**AFFINE, "from": torch.zeros(6)[::2]},)),  # a copy would not be seen to change
        ("w", (step_stage(w=torch.zeros(32)[::2]),)),
        ("bias", ({**AFFINE, "bias": torch.zeros(2)},)),
    ],
)
def test_hostile_stages(name: str, stages: Any) -> None:
    with pytest.raises(native.Refused, match=rf"^{name}: "):
        open_session(stages)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("sample", torch.zeros(3)),
        ("values", torch.zeros(4)),
        ("values", torch.zeros(3).double()),
        ("seen", torch.zeros(6)[::2]),
    ],
)
def test_hostile_samples(name: str, tensor: Tensor) -> None:
    with pytest.raises(native.Refused, match=rf"^{name}: "):
        open_session((), **{name: tensor})


def test_closed_form_needs_its_given_shift() -> None:
    problem = closed_form_problem(batch=1, steps=1)
    arrays = problem.forward_arrays(KERNELS[0], keep=False)
    stage = {"kind": "step", "plan": problem.plan, "tensors": arrays}
    with pytest.raises(native.Refused, match=r"^given_shift: is missing"):
        open_session((stage,))


def test_what_is_no_session() -> None:
    for session in (None, step_problem().plan):
        with pytest.raises(native.Refused, match=r"^session: "):
            native.session_step(session, False)
