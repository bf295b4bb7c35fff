"""Every public entry refuses what it cannot use, with a typed error naming the argument."""

from __future__ import annotations

import pickle
from fractions import Fraction
from functools import partial
from typing import Any, Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import network, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks._checks import check_positive
from liquid_neural_networks.errors import (
    DomainError,
    DtypeError,
    LiquidError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.imputation import ImputedNetwork
from liquid_neural_networks.wiring import Wiring

pytestmark = pytest.mark.usefixtures("path")

NAN, INF = float("nan"), float("inf")

Case = tuple[str, Any, type[LiquidError]]
"""Argument, what is given for it, the error it must raise."""


def check(call: Callable[..., Any], case: Case) -> None:
    argument, given, error = case
    with pytest.raises(error) as caught:
        call(**{argument: given})
    assert caught.value.argument == argument
    assert str(caught.value).startswith(f"{argument}: ")


def refused(*cases: Case) -> Any:
    """The table, one test a row."""
    return pytest.mark.parametrize(
        "case", cases, ids=[f"{a}-{type(g).__name__}-{i}" for i, (a, g, _) in enumerate(cases)]
    )


def counts(name: str) -> list[Case]:
    """What no positive integer may be."""
    wrong_types = ("3", 2.0, True, None, [3], torch.tensor([1, 2]))
    return [
        *((name, given, DomainError) for given in (0, -1)),
        *((name, given, DtypeError) for given in wrong_types),
    ]


def but_none(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case[1] is not None]


SEEDS: list[Case] = [
    ("seed", -1, DomainError),
    ("seed", 2**32, DomainError),
    ("seed", 1.5, DtypeError),
    ("seed", "x", DtypeError),
]

POPULATION: list[Case] = [
    *counts("input_size"),
    *but_none(counts("hidden_size")),
    ("hidden_size", None, OptionError),
    *but_none(counts("unfolds")),
    ("solver", "fusedd", OptionError),
    ("mixed_memory", 1, DtypeError),
    ("mixed_memory", None, DtypeError),
    ("dynamics", "desne", OptionError),
    ("dynamics", None, DtypeError),
    ("dynamics", {"type": "dense", "activatoin": "tanh"}, OptionError),
    ("dynamics", {"activation": "tanh"}, OptionError),
    ("constraint", "clamp", OptionError),
    ("wiring", 5, OptionError),
    ("wiring", "ncp", OptionError),
    ("wiring", wiring.fully_connected(5).build(4), OptionError),
    *SEEDS,
]


@refused(*POPULATION)
def test_building_a_neuron(case: Case) -> None:
    check(partial(LiquidNeuron, input_size=3, hidden_size=5), case)


@refused(
    *POPULATION,
    *but_none(counts("output_size")),
    ("output_size", None, OptionError),
    *counts("num_layers"),
    ("dropout", 1.0, DomainError),
    ("dropout", -0.1, DomainError),
    ("dropout", NAN, DomainError),
    ("dropout", "half", DtypeError),
    ("dropout", None, DtypeError),
    ("bidirectional", "no", DtypeError),
    ("batch_first", 1, DtypeError),
    ("return_sequences", None, DtypeError),
    ("readout", "motors", OptionError),
    ("wiring", [wiring.fully_connected(5)] * 2, OptionError),
)
def test_building_a_network(case: Case) -> None:
    check(partial(LiquidNetwork, input_size=3, hidden_size=5, output_size=2), case)


RELU = {"type": "dense", "activation": "relu"}


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("hidden_size", {"hidden_size": 4, "wiring": wiring.random(5), "output_size": 1}),
        ("output_size", {"wiring": wiring.random(5)}),
        ("readout", {"hidden_size": 2, "output_size": 3, "readout": "motor"}),
        (
            "readout",
            {"hidden_size": 5, "output_size": 2, "readout": "motor", "bidirectional": True},
        ),
        ("wiring", {"wiring": wiring.random(5).build(3), "output_size": 1, "num_layers": 2}),
        (
            "dynamics",
            {"hidden_size": 5, "output_size": 1, "dynamics": {"type": "conductance", "b": 1}},
        ),
        ("activation", {"hidden_size": 5, "output_size": 1, "dynamics": RELU}),
    ],
)
def test_options_that_contradict_each_other(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        LiquidNetwork(3, **options)
    assert caught.value.argument == argument


# -- wirings -----------------------------------------------------------------------------------

FRACTIONS: list[Case] = [
    ("sparsity", 1.0, DomainError),
    ("sparsity", -0.1, DomainError),
    ("sparsity", NAN, DomainError),
    ("sparsity", "half", DtypeError),
]
MOTOR: list[Case] = [
    ("motor", -1, DomainError),
    ("motor", 6, DomainError),
    ("motor", "1", DtypeError),
]


@refused(*counts("units"), *MOTOR, *SEEDS, ("self_connections", 0, DtypeError))
def test_fully_connected(case: Case) -> None:
    check(partial(wiring.fully_connected, units=5), case)


@refused(*counts("units"), *MOTOR, *SEEDS, *FRACTIONS)
def test_random(case: Case) -> None:
    check(partial(wiring.random, units=5), case)


FAN_OUTS = ("sensory_fanout", "inter_fanout", "recurrent_command", "motor_fanin")


@refused(
    *counts("inter"),
    *counts("command"),
    *counts("motor"),
    *SEEDS,
    *(case for name in FAN_OUTS for case in but_none(counts(name))),
    *((name, 100, DomainError) for name in FAN_OUTS),
)
def test_ncp(case: Case) -> None:
    check(partial(wiring.ncp, inter=4, command=3, motor=2), case)


@refused(*counts("units"), *counts("motor"), ("motor", 4, DomainError), *SEEDS, *FRACTIONS)
def test_auto_ncp(case: Case) -> None:
    check(partial(wiring.auto_ncp, units=5, motor=1), case)


@refused(
    ("motor", 129, DomainError), ("motor", -1, DomainError), ("motor", True, DtypeError), *SEEDS
)
def test_c_elegans(case: Case) -> None:
    check(wiring.c_elegans, case)


@refused(*counts("input_size"))
def test_growing_a_wiring(case: Case) -> None:
    check(wiring.random(5).build, case)


@pytest.mark.parametrize(
    ("argument", "description", "error"),
    [
        ("description", "ncp", DtypeError),
        ("description", None, DtypeError),
        ("type", {}, OptionError),
        ("type", {"type": "npc", "units": 5}, OptionError),
        ("units", {"type": "random"}, OptionError),
        ("sparsty", {"type": "random", "units": 5, "sparsty": 0.5}, OptionError),
        ("units", {"type": "random", "units": "many"}, DtypeError),
        ("units", {"type": "random", "units": -5}, DomainError),
    ],
)
def test_plain_data_of_a_recipe(argument: str, description: Any, error: type[LiquidError]) -> None:
    with pytest.raises(error) as caught:
        wiring.recipe(description)
    assert caught.value.argument == argument


PLAIN = wiring.ncp(3, 2, 2).build(3).to_dict()


@refused(
    *counts("input_size"),
    *counts("units"),
    ("motor", 8, DomainError),
    ("motor", "2", DtypeError),
    ("pre", [0, 1], ShapeError),
    ("pre", [[0, 1], [2]], DtypeError),
    ("pre", [PLAIN["pre"]], ShapeError),
    ("pre", [99] * len(PLAIN["pre"]), DomainError),
    ("pre", [-1] * len(PLAIN["pre"]), DomainError),
    ("pre", [0] * len(PLAIN["pre"]), DomainError),
    ("pre", ["0"] * len(PLAIN["pre"]), DtypeError),
    ("post", [0.5] * len(PLAIN["pre"]), DtypeError),
    ("post", [NAN] * len(PLAIN["pre"]), DtypeError),
    ("post", [INF] * len(PLAIN["pre"]), DtypeError),
    ("post", [7] * len(PLAIN["pre"]), DomainError),
    ("polarity", [2] * len(PLAIN["pre"]), DomainError),
    ("polarity", [0] * len(PLAIN["pre"]), DomainError),
    ("sensory_pre", [3] * len(PLAIN["sensory_pre"]), DomainError),
    ("sensory_polarity", [0.5] * len(PLAIN["sensory_pre"]), DtypeError),
    ("layers", [0, 1], DtypeError),
    ("layers", {"all": 7}, ShapeError),
    ("layers", {"all": [0, 1]}, ShapeError),
    ("layers", {"all": [0, 0, 1, 2, 3, 4, 5]}, ShapeError),
    ("layers", {"all": ["a"] * 7}, DtypeError),
    ("recipe", "ncp", DtypeError),
)
def test_plain_data_of_a_wiring(case: Case) -> None:
    argument, given, error = case
    with pytest.raises(error) as caught:
        Wiring.from_dict({**PLAIN, argument: given})
    # The lists of one synapse are named together when their lengths differ.
    assert argument in str(caught.value.argument)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_wiring_with_a_field_missing(name: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Wiring.from_dict({key: value for key, value in PLAIN.items() if key != name})
    assert caught.value.argument == name


def test_a_wiring_that_is_no_mapping() -> None:
    check(Wiring.from_dict, ("data", [1, 2], DtypeError))


@refused(
    ("adjacency", np.zeros((2, 3)), ShapeError),
    ("adjacency", [1, 2], ShapeError),
    ("adjacency", [[1, 2], [3]], DtypeError),
    ("sensory_adjacency", np.zeros((2, 3)), ShapeError),
    ("sensory_adjacency", 5, ShapeError),
    ("sensory_adjacency", [[1, 2], [3]], DtypeError),
)
def test_matrices(case: Case) -> None:
    good = {"adjacency": np.eye(2), "sensory_adjacency": np.ones((3, 2))}
    check(lambda **changed: Wiring.from_matrices(**{**good, **changed}), case)


# -- running -----------------------------------------------------------------------------------


def at(tensor: Tensor, value: float) -> Tensor:
    """A copy with ``value`` as its last number."""
    changed = tensor.clone()
    changed.view(-1)[-1] = value
    return changed


X = sequences(4, 6)
NOT_REAL: list[Any] = ["1", ["a"], [[1.0], [1.0, 2.0]], True, [True] * 6, {"a": 1}, 1j]

SEQUENCE_ARGUMENTS: list[Case] = [
    ("inputs", X.numpy(), DtypeError),
    ("inputs", X.tolist(), DtypeError),
    ("inputs", None, DtypeError),
    ("inputs", X.float(), DtypeError),
    ("inputs", X.half(), DtypeError),
    ("inputs", X.bfloat16(), DtypeError),
    ("inputs", X.long(), DtypeError),
    ("inputs", X.to("meta"), DtypeError),
    ("inputs", X[0, 0], ShapeError),
    ("inputs", X[None], ShapeError),
    ("inputs", torch.tensor(1.0, dtype=torch.float64), ShapeError),
    ("inputs", X[..., :2], ShapeError),
    ("inputs", X[:0], ShapeError),
    ("inputs", X[:, :0], ShapeError),
    ("inputs", at(X, NAN), DomainError),
    ("inputs", at(X, INF), DomainError),
    ("inputs", at(X, -INF), DomainError),
    *(("elapsed_time", given, DtypeError) for given in NOT_REAL),
    ("elapsed_time", torch.ones(6, dtype=torch.bool), DtypeError),
    ("elapsed_time", torch.ones(6, dtype=torch.complex64), DtypeError),
    ("elapsed_time", torch.ones(6, device="meta"), DtypeError),
    ("elapsed_time", -1, DomainError),
    ("elapsed_time", at(torch.ones(6), -1e-9), DomainError),
    ("elapsed_time", at(torch.ones(4, 6), NAN), DomainError),
    ("elapsed_time", INF, DomainError),
    ("elapsed_time", torch.ones(4), ShapeError),
    ("elapsed_time", torch.ones(4, 5), ShapeError),
    ("elapsed_time", torch.ones(6, 4), ShapeError),
    ("elapsed_time", torch.ones(4, 6, 1), ShapeError),
    ("elapsed_time", [], ShapeError),
    *(("time_constants", given, DtypeError) for given in NOT_REAL),
    ("time_constants", 0, DomainError),
    ("time_constants", -1.0, DomainError),
    ("time_constants", INF, DomainError),
    ("time_constants", at(torch.ones(5), NAN), DomainError),
    ("time_constants", at(torch.ones(4, 6, 5), 0.0), DomainError),
    ("time_constants", torch.ones(4), ShapeError),
    # (T, N) must not pass for (B, N), even if only T fits.
    ("time_constants", torch.ones(6, 5), ShapeError),
    ("time_constants", torch.ones(4, 6), ShapeError),
    ("time_constants", torch.ones(6, 4, 5), ShapeError),
    ("time_constants", torch.ones(1, 4, 6, 5), ShapeError),
    ("mask", "yes", DtypeError),
    ("mask", [[True], [True, False]], DtypeError),
    ("mask", torch.full((4, 6, 3), 2), DomainError),
    ("mask", torch.full((4, 6), NAN), DomainError),
    ("mask", True, ShapeError),
    ("mask", torch.ones(6), ShapeError),
    ("mask", torch.ones(4, 5), ShapeError),
    ("mask", torch.ones(6, 4), ShapeError),
    ("mask", torch.ones(4, 6, 2), ShapeError),
    ("mask", torch.ones(4, 6, 3, 1), ShapeError),
    ("state", np.zeros((1, 4, 5)), DtypeError),
    ("state", torch.zeros(1, 4, 5), DtypeError),
    ("state", X.new_zeros(4, 5), ShapeError),
    ("state", X.new_zeros(1, 5), ShapeError),
    ("state", X.new_zeros(1, 5, 4), ShapeError),
    ("state", at(X.new_zeros(1, 4, 5), NAN), DomainError),
    ("state", at(X.new_zeros(1, 4, 5), INF), DomainError),
]


@refused(*SEQUENCE_ARGUMENTS)
@pytest.mark.parametrize("entry", ["forward", "effective_time_constants", "trace"])
def test_running_a_network(entry: str, case: Case) -> None:
    call = getattr(network(), entry)
    check(lambda **changed: call(**{"inputs": X, **changed}), case)


@refused(
    ("inputs", X[0, 0], ShapeError),
    ("elapsed_time", torch.ones(4, 6), ShapeError),
    ("elapsed_time", torch.ones(1, 6), ShapeError),
    ("time_constants", torch.ones(4, 5), ShapeError),
    ("time_constants", torch.ones(1, 6, 5), ShapeError),
    ("mask", torch.ones(1, 6, 3), ShapeError),
    ("state", X.new_zeros(1, 1, 5), ShapeError),
)
def test_running_a_network_on_one_sequence(case: Case) -> None:
    check(lambda **changed: network()(**{"inputs": X[0], **changed}), case)


@refused(
    # Given batch first to a network that is not.
    ("elapsed_time", torch.ones(4, 6), ShapeError),
    ("mask", torch.ones(4, 6), ShapeError),
    ("mask", torch.ones(4, 6, 3), ShapeError),
    ("mask", torch.ones(4), ShapeError),
    ("time_constants", torch.ones(4, 6, 5), ShapeError),
)
def test_running_a_network_batch_second(case: Case) -> None:
    call = network(batch_first=False)
    check(lambda **changed: call(**{"inputs": X.transpose(0, 1), **changed}), case)


@refused(
    ("population", 1, DomainError),
    ("population", -1, DomainError),
    ("population", "0", DtypeError),
    ("population", None, DtypeError),
)
@pytest.mark.parametrize("entry", ["effective_time_constants", "trace"])
def test_which_layer(entry: str, case: Case) -> None:
    check(partial(getattr(network(), entry), X), case)


STEP = X[:, 0]


@refused(
    ("inputs", STEP.numpy(), DtypeError),
    ("inputs", STEP.float(), DtypeError),
    ("inputs", X, ShapeError),
    ("inputs", STEP[:, :2], ShapeError),
    ("inputs", STEP[:0], ShapeError),
    ("inputs", at(STEP, NAN), DomainError),
    *(("elapsed_time", given, DtypeError) for given in NOT_REAL),
    ("elapsed_time", torch.ones(3), ShapeError),
    ("elapsed_time", torch.ones(4, 1), ShapeError),
    ("elapsed_time", -0.5, DomainError),
    ("elapsed_time", [1.0, 1.0, 1.0, NAN], DomainError),
    *(("time_constants", given, DtypeError) for given in NOT_REAL),
    ("time_constants", 0.0, DomainError),
    ("time_constants", torch.ones(4), ShapeError),
    ("time_constants", torch.ones(3, 5), ShapeError),
    ("mask", torch.ones(4, 2), ShapeError),
    ("mask", torch.ones(12), ShapeError),
    ("mask", "all", DtypeError),
    ("mask", torch.full((4, 3), 0.5), DomainError),
    ("state", X.new_zeros(5), ShapeError),
    ("state", X.new_zeros(4, 4), ShapeError),
    ("state", torch.zeros(4, 5), DtypeError),
    ("state", X.new_full((4, 5), NAN), DomainError),
)
def test_running_a_neuron(case: Case) -> None:
    step = LiquidNeuron(3, 5).double()
    check(lambda **changed: step(**{"inputs": STEP, **changed}), case)


@refused(
    ("sample", [1.0, 2.0], ShapeError),
    ("sample", 1.0, ShapeError),
    ("sample", [], ShapeError),
    ("sample", [[1.0, 2.0, 3.0]], ShapeError),
    ("sample", None, DtypeError),
    ("sample", ["1", "2", "3"], DtypeError),
    ("sample", "abc", DtypeError),
    ("sample", [1.0, [2.0], 3.0], DtypeError),
    ("sample", [True, False, True], DtypeError),
    ("sample", [1.0, INF, 3.0], DomainError),
    ("elapsed_time", -1.0, DomainError),
    ("elapsed_time", -1, DomainError),
    ("elapsed_time", NAN, DomainError),
    ("elapsed_time", INF, DomainError),
    ("elapsed_time", "1", DtypeError),
    ("elapsed_time", None, DtypeError),
    ("elapsed_time", True, DtypeError),
    ("elapsed_time", [1.0], ShapeError),
    ("time_constants", 0.0, DomainError),
    ("time_constants", [1.0, 1.0, 1.0, 1.0, NAN], DomainError),
    ("time_constants", [1.0] * 4, ShapeError),
    ("time_constants", "slow", DtypeError),
)
def test_streaming(case: Case) -> None:
    live = network().stream()
    check(lambda **changed: live.step(**{"sample": [1.0, 2.0, 3.0], **changed}), case)


@refused(
    ("gg", torch.ones(5), OptionError),
    ("g", torch.ones(4), ShapeError),
    ("g", torch.ones(()), ShapeError),
    ("g", [1.0] * 5, DtypeError),
    ("g", torch.ones(5, dtype=torch.bool), DtypeError),
    ("g", torch.ones(5, dtype=torch.complex64), DtypeError),
    ("g", torch.full((5,), NAN), DomainError),
    ("mu", torch.full((25,), INF), DomainError),
    ("c", torch.zeros(5), DomainError),
    ("w", torch.full((25,), -0.5), DomainError),
)
def test_setting_values(case: Case) -> None:
    dynamics = network().neurons[0].dynamics
    check(lambda **values: dynamics.set_values(values), case)


# -- dtypes and the errors themselves ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_with_advice(dtype: torch.dtype) -> None:
    net = network().to(dtype)
    with pytest.raises(DtypeError, match=r"network\.float\(\)") as caught:
        net(X.to(dtype))
    assert caught.value.argument == "inputs"
    with pytest.raises(DtypeError, match="float32 or float64"):
        net.stream().step([1.0, 2.0, 3.0])


def test_numbers_too_large_for_float32_are_refused() -> None:
    for argument in ("elapsed_time", "time_constants"):
        for given in (1e300, [1e300] * (6 if argument == "elapsed_time" else 5)):
            with pytest.raises(DomainError) as caught:
                network(dtype=torch.float32)(X.float(), **{argument: given})
            assert caught.value.argument == argument


def test_errors_say_what_to_do() -> None:
    with pytest.raises(OptionError, match="did you mean 'fused'"):
        LiquidNetwork(3, 5, 2, solver="fsed")
    with pytest.raises(DomainError, match="mask="):
        network()(at(X, NAN))
    with pytest.raises(DomainError, match="elapsed_time"):
        network()(X, 0.0)
    with pytest.raises(ShapeError, match=r"\(B, T\).*B = 4, T = 6.*got \(4,\)"):
        network()(X, elapsed_time=torch.ones(4))


@pytest.mark.parametrize("error", [ShapeError, DtypeError, DomainError, OptionError])
def test_errors_survive_pickling(error: type[LiquidError]) -> None:
    """As they must on their way out of a worker process."""
    again = pickle.loads(pickle.dumps(error("is wrong", "inputs")))
    assert type(again) is error
    assert (str(again), again.argument) == ("inputs: is wrong", "inputs")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: LiquidNetwork(3, 4, 1, dynamics="ltc"), "'conductance' here"),
        (lambda: LiquidNetwork(3, 4, 1, dynamics={"type": "CfC"}), "'closed_form' here"),
        (lambda: LiquidNetwork(3, 4, 1, dynamics={"type": ["ltc"]}), "dynamics: unknown ['ltc']"),
        (
            lambda: LiquidNetwork(
                3,
                wiring=wiring.ncp(inter=4, command=3, motor=1),
                dynamics={"type": "closed_form", "backbone_units": 6},
            ),
            "needs a fully connected wiring",
        ),
        (lambda: wiring.Wiring.from_matrices([[2, 0], [0, 1]], [[1, 1]]), "adjacency: expected +1"),
        (
            lambda: ImputedNetwork(LiquidNetwork(3, 4, 1), mean=[1.0, 2.0]),
            "mean: expected a num",
        ),
        (lambda: ImputedNetwork(LiquidNetwork(3, 4, 1), mean=float("nan")), "mean: contains NaN"),
    ],
)
def test_what_was_meant_is_guessed(call: Callable[[], object], said: str) -> None:
    with pytest.raises(LiquidError) as caught:
        call()
    assert said in str(caught.value)


def test_small_integers_are_numbers() -> None:
    net = LiquidNetwork(3, 4, 1)
    times = torch.ones(5, dtype=torch.uint8)
    assert net(torch.zeros(5, 3), elapsed_time=times).shape == (5, 1)


def test_positive_numbers_of_any_kind_are_taken_and_others_named() -> None:
    for good in (3, 0.25, np.float32(0.25), np.int64(3), Fraction(1, 4)):
        found = check_positive("rate", good)
        assert type(found) is float and found == float(good)
    for wrong, error in (
        (10**400, DomainError),
        (0, DomainError),
        (-1.0, DomainError),
        (float("nan"), DomainError),
        (np.inf, DomainError),
        (True, DtypeError),
        ("1", DtypeError),
        (None, DtypeError),
        ([1.0], DtypeError),
    ):
        with pytest.raises(error, match="rate"):
            check_positive("rate", wrong)
