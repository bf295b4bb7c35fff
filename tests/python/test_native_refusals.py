"""The C extension takes no array that it cannot read, and says which and why."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Callable

import pytest
import torch
from torch import Tensor

from native_cases import (
    KERNELS,
    Arrays,
    Problem,
    as_bytes,
    closed_form_problem,
    native,
    step_problem,
)

KERNEL = KERNELS[0]

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "conductance": lambda: step_problem(memory=True),
    "dense": lambda: step_problem("dense", memory=True),
    "closed_form": lambda: closed_form_problem(activation="silu", backbone=3, memory=True),
    "closed_form_layers": lambda: closed_form_problem(
        backbone=0, layer_sizes=(2, 3), activation="none", memory=True
    ),
    "closed_form_pure": lambda: closed_form_problem("pure", memory=True),
}

every_problem = pytest.mark.parametrize("kind", PROBLEMS)
each_way = pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])


def call(problem: Problem, arrays: Arrays, backward: bool) -> None:
    (native.backward if backward else native.forward)(problem.plan, KERNEL, arrays, 1)


def arrays_of(problem: Problem, backward: bool) -> Arrays:
    """A call that runs, as copies."""
    arrays = problem.forward_arrays(KERNEL)
    if backward:
        native.forward(problem.plan, KERNEL, arrays, 1)
        arrays = problem.backward_arrays(KERNEL, arrays)
    return arrays


def written_by(problem: Problem, backward: bool) -> list[str]:
    return list(problem.gradients) if backward else problem.written


class Subclass(torch.Tensor):
    pass


def freed(tensor: Tensor) -> Tensor:
    tensor = tensor.clone()
    tensor.untyped_storage().resize_(0)
    return tensor


BAD: dict[str, Callable[[Tensor], Any]] = {
    "a list": lambda t: t.tolist(),
    "a number": lambda t: 1.0,
    "an array": lambda t: t.numpy(),
    "of float64": lambda t: t.double(),
    "of float16": lambda t: t.half(),
    "of int64": lambda t: t.long(),
    "complex": lambda t: t.to(torch.complex64),
    "one dimension more": lambda t: t.unsqueeze(0),
    "one dimension more at the end": lambda t: t.unsqueeze(-1),
    "one number fewer": lambda t: t[..., :-1],
    "flat": lambda t: torch.cat([t.flatten(), t.flatten()]),
    "many dimensions": lambda t: t[(None,) * 20],
    "of a subclass": lambda t: t.as_subclass(Subclass),
    "sparse": lambda t: t.to_sparse(),
    "mkldnn": lambda t: t.to_mkldnn() if t.dim() > 1 else t.to_sparse(),
    "meta": lambda t: t.to("meta"),
    "quantised": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.quint8),
    "nested": lambda t: torch.nested.nested_tensor([t, t]),
    "jagged": lambda t: torch.nested.nested_tensor([t, t], layout=torch.jagged),
    "functional": lambda t: torch._to_functional_tensor(t),
    "zero without memory": lambda t: torch._efficientzerotensor(t.shape),
    "freed": freed,
    "uninitialised": lambda t: torch.nn.UninitializedParameter(),
}


@each_way
@every_problem
@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_plain_tensor(kind: str, backward: bool, bad: str) -> None:
    problem = PROBLEMS[kind]()
    arrays = arrays_of(problem, backward)
    before = {name: arrays[name].clone() for name in written_by(problem, backward)}
    for name, tensor in arrays.items():
        with pytest.raises(native.Refused, match=rf"^{name}: "):
            call(problem, {**arrays, name: BAD[bad](tensor)}, backward)
    for name, tensor in before.items():
        assert torch.equal(arrays[name].nan_to_num(7.0), tensor.nan_to_num(7.0)), name


@each_way
@every_problem
def test_what_is_missing(kind: str, backward: bool) -> None:
    problem = PROBLEMS[kind]()
    arrays = arrays_of(problem, backward)
    roles = {row[0]: row[3][backward] for row in native.FIELDS[problem.table]}
    for name in arrays:
        if roles[name] is None or "none" in roles[name]:
            continue
        for without in ({**arrays, name: None}, {k: v for k, v in arrays.items() if k != name}):
            with pytest.raises(native.Refused, match=rf"^{name}: is (None|missing)"):
                call(problem, without, backward)


@each_way
@every_problem
def test_what_may_be_none(kind: str, backward: bool) -> None:
    """A field that the table allows to be None changes what runs, or is needed by this plan."""
    problem = PROBLEMS[kind]()
    arrays = arrays_of(problem, backward)
    companions = {"gates": [n for n in arrays if "gate" in n or "memor" in n or n == "starts"]}
    companions |= {"starts": ["kept_gates"], "kept_heads": ["kept_z", "kept_slope"]}
    for name in ("elapsed_time", "time_constants", "state"):
        companions[name] = [f"grad_{name}"]
    for row in native.FIELDS[problem.table]:
        if row[0] in arrays and row[3][backward] and "none" in row[3][backward]:
            without = [row[0], *companions.get(row[0], [])]
            if row[0] in ("kept_z", "grad_y") or (kind == "closed_form_pure" and row[0] == "shift"):
                with pytest.raises(native.Refused, match=rf"^{row[0]}: is None"):
                    call(problem, {**arrays, row[0]: None}, backward)
            else:
                call(problem, {k: v for k, v in arrays.items() if k not in without}, backward)


@each_way
@every_problem
def test_what_there_is_no_such_thing_as(kind: str, backward: bool) -> None:
    problem = PROBLEMS[kind]()
    arrays: dict[Any, Any] = arrays_of(problem, backward)
    for name in ("vleek", "hidden_70", "", "grad_", 3):
        with pytest.raises(native.Refused, match=rf"^{name}: "):
            call(problem, {**arrays, name: torch.zeros(3)}, backward)


def test_what_a_plan_does_not_use() -> None:
    plain = closed_form_problem(backbone=0, activation="none")
    for name in ("heads", "A", "between_layers", "hidden_1", "kept_slope", "given_shift", "mask"):
        arrays = arrays_of(plain, False)
        with pytest.raises(native.Refused, match=rf"^{name}: "):
            call(plain, {**arrays, name: torch.zeros(3)}, False)
    bare = step_problem(rich=False)
    for name in ("grad_elapsed_time", "grad_time_constants", "grad_state", "gates_recurrent"):
        arrays = arrays_of(bare, True)
        with pytest.raises(native.Refused, match=rf"^{name}: is not used"):
            call(bare, {**arrays, name: torch.zeros(3)}, True)


def negative(tensor: Tensor) -> Tensor:
    return torch._neg_view(-tensor)


def conjugate(tensor: Tensor) -> Tensor:
    return torch.complex(tensor, -tensor).conj().imag


def strided(tensor: Tensor) -> Tensor:
    return torch.stack([tensor, tensor], -1)[..., 0]


def transposed(tensor: Tensor) -> Tensor:
    return tensor.transpose(0, -1).contiguous().transpose(0, -1)


def misaligned(tensor: Tensor) -> Tensor:
    raw = bytearray(tensor.numel() * 4 + 1)
    moved = torch.frombuffer(raw, dtype=torch.float32, offset=1, count=tensor.numel())
    return moved.view(tensor.shape).copy_(tensor)


def shifted(tensor: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1), tensor.flatten()])[1:].view(tensor.shape)


def negative_and_strided(tensor: Tensor) -> Tensor:
    return torch._neg_view(transposed(-tensor))


VIEWS = (negative, conjugate, strided, transposed, misaligned, shifted, negative_and_strided)


@each_way
@every_problem
@pytest.mark.parametrize("view", VIEWS, ids=lambda f: f.__name__)
def test_views(kind: str, backward: bool, view: Callable[[Tensor], Tensor]) -> None:
    """What is only read may lie anyhow; what is written may not."""
    problem = PROBLEMS[kind]()
    arrays = arrays_of(problem, backward)
    written = written_by(problem, backward)
    call(problem, arrays, backward)
    wanted = {name: arrays[name].clone() for name in written}
    for name, tensor in arrays.items():
        changed = {**arrays, name: view(tensor)}
        if name not in written:
            for each in written:
                changed[each] = torch.full_like(arrays[each], torch.nan)
            call(problem, changed, backward)
            assert all(torch.equal(changed[each], wanted[each]) for each in written), name
        elif not is_plain(changed[name]):
            with pytest.raises(native.Refused, match=rf"^{name}: is negative, not contiguous"):
                call(problem, changed, backward)


def is_plain(tensor: Tensor) -> bool:
    whole = tensor.is_contiguous() and not tensor.is_neg()
    return whole and tensor.data_ptr() % 4 == 0


def test_what_a_kernel_keeps_begins_a_cache_line() -> None:
    problem = PROBLEMS["conductance"]()
    arrays = arrays_of(problem, False)
    with pytest.raises(native.Refused, match=r"^kept_gates: "):
        call(problem, {**arrays, "kept_gates": shifted(arrays["kept_gates"])}, False)


def test_expanded_beyond_memory() -> None:
    problem = step_problem(rich=False)
    arrays = arrays_of(problem, False)
    arrays["inputs"] = torch.zeros(1, 1, 3).expand(2**40, 4, 3)
    with pytest.raises(native.Refused):
        call(problem, arrays, False)


def test_transforms() -> None:
    """What torch.func wraps has no memory of its own."""
    problem = step_problem(rich=False)
    arrays = arrays_of(problem, False)

    def run(inputs: Tensor) -> Tensor:
        call(problem, {**arrays, "inputs": inputs}, False)
        return inputs

    for transform in (
        lambda f, x: torch.vmap(f)(x.unsqueeze(0)),
        lambda f, x: torch.func.jvp(f, (x,), (x,)),
    ):
        with pytest.raises(native.Refused, match=r"^inputs: "):
            transform(run, arrays["inputs"])


def test_parameters_and_leaves() -> None:
    problem = step_problem()
    arrays = arrays_of(problem, False)
    call(problem, arrays, False)
    wanted = arrays["states"].clone()
    arrays |= {"w": torch.nn.Parameter(arrays["w"]), "c": arrays["c"].clone().requires_grad_()}
    call(problem, arrays, False)
    assert torch.equal(arrays["states"], wanted)


def test_no_batch_row_and_no_time_step() -> None:
    for problem in (step_problem(batch=0), closed_form_problem(batch=0)):
        found = problem.run(KERNEL)
        assert all(torch.equal(each, torch.zeros_like(each)) for each in found.values())
    for problem in (step_problem(steps=0), closed_form_problem(steps=0)):
        with pytest.raises(native.Refused, match=r"input.*: has no time step"):
            call(problem, problem.forward_arrays(KERNEL), False)


# -- other arguments -----------------------------------------------------------------------------


def test_what_is_no_plan_and_no_kernel() -> None:
    problem = step_problem()
    arrays = arrays_of(problem, False)
    for plan in (None, 3, object(), native.FIELDS):
        with pytest.raises(native.Refused, match=r"^plan: "):
            native.forward(plan, KERNEL, arrays, 1)
    for kernel in (-1, 6, 2**31 - 1):
        with pytest.raises(native.Refused, match=r"^kernel: "):
            native.forward(problem.plan, kernel, arrays, 1)
    with pytest.raises(TypeError):
        native.forward(problem.plan, KERNEL, list(arrays), 1)


def step_plan(**changes: Any) -> Any:
    none = b""
    arguments = {
        "dynamics": "conductance", "solver": "fused", "activation": "sigmoid", "unfolds": 6,
        "units": 4, "inputs": 2, "pre": none, "post": none, "sensory_pre": none,
        "sensory_post": none, "constraints": {},
    }  # fmt: skip
    return native.step_plan(**{**arguments, **changes})


def indices(*numbers: int) -> bytes:
    return as_bytes(torch.tensor(numbers, dtype=torch.int64))


BAD_STEP_PLANS: list[tuple[str, dict[str, Any]]] = [
    ("dynamics", {"dynamics": "lrc"}),
    ("solver", {"solver": "rk4"}),
    ("activation", {"activation": "relu"}),
    ("unfolds", {"unfolds": 0}),
    ("unfolds", {"unfolds": 2**31}),
    ("unfolds", {"unfolds": 2**31 - 1, "units": 2**31 - 1}),
    ("units", {"units": 0}),
    ("units", {"units": 2**62}),
    ("inputs", {"inputs": -1}),
    ("pre", {"pre": b"1234567"}),
    ("post", {"pre": indices(0, 1), "post": indices(0)}),
    ("pre", {"pre": indices(4), "post": indices(0)}),
    ("pre", {"pre": indices(-1), "post": indices(0)}),
    ("post", {"pre": indices(0), "post": indices(4)}),
    ("post", {"pre": indices(0), "post": indices(-(2**63))}),
    ("pre", {"pre": indices(1, 0), "post": indices(0, 0)}),
    ("pre", {"pre": indices(0, 0), "post": indices(1, 0)}),
    ("pre", {"pre": indices(1, 1), "post": indices(0, 0)}),
    ("sensory_pre", {"sensory_pre": indices(2), "sensory_post": indices(0)}),
    ("sensory_post", {"sensory_pre": indices(0)}),
    ("constraints", {"constraints": {"tau": ("clip", 1.0)}}),
    ("constraints", {"constraints": {"c": ("clip", 1.0), "": ("clip", 1.0)}}),
    ("constraints", {"constraints": {"c": ("relu", 1.0)}}),
    ("constraints", {"constraints": {"c": 1.0}}),
    ("constraints", {"constraints": {"c": ["clip", 1.0]}}),
    ("epsilon", {"epsilon": -1e-9}),
    ("epsilon", {"epsilon": float("nan")}),
    ("epsilon", {"epsilon": float("inf")}),
    ("epsilon", {"dynamics": "dense", "inputs": 4, "epsilon": 1e-9}),
    ("inputs", {"dynamics": "dense"}),
    (
        "sensory_pre",
        {"dynamics": "dense", "inputs": 4, "sensory_pre": indices(0), "sensory_post": indices(0)},
    ),
]


@pytest.mark.parametrize(("name", "changes"), BAD_STEP_PLANS, ids=str)
def test_hostile_step_plans(name: str, changes: dict[str, Any]) -> None:
    step_plan()
    with pytest.raises(native.Refused, match=rf"^{name}: "):
        step_plan(**changes)


@pytest.mark.parametrize(
    "constraints",
    [{"c": ("clip", "low")}, {"c": ("clip",)}, {"c": (None, 1.0)}, {3: ("clip", 1.0)}],
    ids=str,
)
def test_constraints_of_a_wrong_type(constraints: Any) -> None:
    with pytest.raises(TypeError):
        step_plan(constraints=constraints)


def test_parameters_in_matrices_have_their_shape() -> None:
    """A list of the synapses is refused, and so is a matrix of another size."""
    problem = step_problem(in_matrices=True)
    arrays = problem.forward_arrays(KERNEL)
    for name, shape in (("w", (5,)), ("sigma", (5, 4)), ("sensory_E", (5, 3))):
        with pytest.raises(native.Refused, match=rf"^{name}: shape"):
            native.forward(problem.plan, KERNEL, {**arrays, name: torch.ones(shape)}, 1)


BAD_CLOSED_FORM_PLANS: list[tuple[str, tuple[Any, ...]]] = [
    ("mode", ("gated", "tanh", 1, 4, 8, (4,))),
    ("activation", ("default", "gelu", 1, 4, 8, (4,))),
    ("activation", ("default", "none", 1, 4, 8, (4,))),
    ("backbone_layers", ("default", "tanh", -1, 4, 8, (4,))),
    ("backbone_layers", ("default", "tanh", 65, 4, 8, (4,))),
    ("units", ("default", "tanh", 1, 0, 8, (0,))),
    ("hidden", ("default", "tanh", 1, 4, 0, (4,))),
    ("hidden", ("default", "tanh", 0, 4, 8, (4,))),
    ("hidden", ("pure", "tanh", 0, 4, 16, (4,))),
    ("layer_sizes", ("default", "tanh", 1, 4, 8, ())),
    ("layer_sizes", ("default", "tanh", 1, 17, 8, (1,) * 17)),
    ("layer_sizes", ("default", "tanh", 1, 4, 8, (2, 3))),
    ("layer_sizes", ("default", "tanh", 1, 4, 8, (5, -1))),
    ("layer_sizes", ("default", "tanh", 1, 4, 8, (2**31 - 1, 2**31 - 1))),
]


@pytest.mark.parametrize(("name", "arguments"), BAD_CLOSED_FORM_PLANS, ids=str)
def test_hostile_closed_form_plans(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(native.Refused, match=rf"^{name}: "):
        native.closed_form_plan(*arguments)


def test_a_large_plan_of_small_arrays() -> None:
    """Sizes in a plan cost nothing until arrays of those sizes come."""
    plan = step_plan(units=10**6, unfolds=2**20)
    arrays = {name: torch.zeros(1) for name in arrays_of(step_problem(), False)}
    with pytest.raises(native.Refused, match=r"^inputs: shape"):
        native.forward(plan, KERNEL, arrays, 1)


def test_no_memory() -> None:
    """Unfolds whose scratch no machine has."""
    problem = step_problem(rich=False, unfolds=2**30, solver="fused", steps=1, units=500, density=0)
    arrays = problem.forward_arrays(KERNEL) | {"grad_states": torch.zeros(3, 1, 500)}
    arrays = problem.backward_arrays(KERNEL, arrays)
    with pytest.raises(MemoryError):
        native.backward(problem.plan, KERNEL, arrays, 1)


def test_kept_rows() -> None:
    plan = step_plan()
    rows = native.kept_rows(plan, KERNEL, 1)
    assert [native.kept_rows(plan, KERNEL, n) for n in (0, rows, rows + 1)] == [0, rows, 2 * rows]
    for batch in (-1, 2**63 - 1):
        with pytest.raises(native.Refused, match=r"^batch: "):
            native.kept_rows(plan, KERNEL, batch)


# -- without DLPack ------------------------------------------------------------------------------


def test_before_torch_2_10() -> None:
    """An older torch shows tensors by their attributes only: all of the above again."""
    code = (
        "import sys, torch; del torch.Tensor.__dlpack_c_exchange_api__; import pytest; "
        "sys.exit(pytest.main(['-q', '-x', '-k', 'not before_torch', '-p', 'no:cacheprovider', "
        f"{__file__!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
