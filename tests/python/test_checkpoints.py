"""Checkpoints: an interrupted training goes on bit for bit, or is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.errors import ModelFileError, OptionError
from liquid_neural_networks.training import DivergenceError
from training_cases import network, quiet, same, waves


class Stop(Exception):
    """Raised in the middle of an epoch, as a crash would be."""


def crashing(at: int) -> Any:
    """The default loss, which raises when it is called for the ``at``-th time."""
    calls = iter(range(at))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if next(calls, None) is None:
            raise Stop
        return (outputs - targets).square().mean()

    loss.__qualname__ = "loss"
    return loss


class WithTorchsDropout(torch.nn.Module):
    """A module whose randomness is torch's own."""

    def __init__(self, seed: int = 0):
        super().__init__()
        self.liquid = network(seed=seed, outputs=3, num_layers=2, dropout=0.2)
        self.rest = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(3, 1))
        generator = torch.Generator().manual_seed(seed)
        for each in self.rest.parameters():
            torch.nn.init.uniform_(each, -0.5, 0.5, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.rest(self.liquid(inputs))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": "cosine", "optimizer": torch.optim.AdamW},
        {"drop_last": True, "max_gradient_norm": 0.1},
    ],
    ids=["default", "cosine", "drop_last"],
)
@pytest.mark.parametrize("make", [partial(network, num_layers=2, dropout=0.2), WithTorchsDropout])
@pytest.mark.parametrize("crash", [6, 8, 11, 14])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, crash: int, make: Any, options: dict[str, Any]
) -> None:
    # 3 minibatches of training and 3 of validation an epoch: the crashes are in both. Of 13
    # windows the last is left out, or a minibatch of its own.
    parts = waves(13 if "drop_last" in options else 12), waves(seed=1)
    train = partial(quiet, epochs=4, batch_size=4, seed=3, **options)
    whole, broken = make(), make()
    history = train(whole, *parts, loss=crashing(10**6))

    file = tmp_path / "run.checkpoint"
    with pytest.raises(Stop):
        train(broken, *parts, loss=crashing(crash), checkpoint=file, resume=True)
    fresh = make(seed=9)
    torch.manual_seed(99)
    resumed = train(fresh, *parts, loss=crashing(10**6), checkpoint=file, resume=True)
    assert resumed == history
    assert same(fresh.state_dict(), whole.state_dict())


def test_more_epochs_continue_a_finished_training(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    whole, parts = network(), (waves(), waves(seed=1))
    expected = quiet(whole, *parts, epochs=6)
    net = network()
    quiet(net, *parts, epochs=2, checkpoint=file)
    found = quiet(net, *parts, epochs=6, checkpoint=file, resume=True)
    assert found == expected and same(net.state_dict(), whole.state_dict())
    again = network(seed=5)
    assert quiet(again, *parts, epochs=6, checkpoint=file, resume=True) == expected
    assert same(again.state_dict(), whole.state_dict())


def test_a_training_that_diverged_gives_its_best_weights_when_resumed(tmp_path: Path) -> None:
    file, parts = tmp_path / "run.checkpoint", (waves(), waves(seed=1))
    expected = network()
    history = quiet(expected, *parts, epochs=2)

    calls: list[int] = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        calls.append(1)  # a minibatch of training and one of validation an epoch
        return (outputs - targets).square().mean() * (1.0 if len(calls) < 5 else torch.nan)

    for _ in range(2):
        net = network(seed=5 if calls else 0)
        with pytest.raises(DivergenceError, match="has the weights of epoch 2") as raised:
            quiet(net, *parts, epochs=9, loss=loss, checkpoint=file, resume=True)
        assert raised.value.history == history
        assert same(net.state_dict(), expected.state_dict())
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.02}, "learning_rate"),
        ({"batch_size": 5}, "batch_size"),
        ({"drop_last": True}, "drop_last"),
        ({"seed": 1}, "seed"),
        ({"optimizer": torch.optim.SGD}, "optimizer"),
        ({"train": waves(seed=4)}, "data"),
        ({"schedule": "cosine"}, "schedule"),
        ({"max_gradient_norm": 1.0}, "max_gradient_norm"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, batch_size=4, checkpoint=file)
    with pytest.raises(OptionError, match="start anew") as raised:
        quiet(
            **{
                "network": network(),
                "train": waves(),
                "epochs": 2,
                "batch_size": 4,
                "checkpoint": file,
                "resume": True,
                **change,
            }
        )
    assert raised.value.argument == named


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    with pytest.raises(ModelFileError, match="does not fit this network"):
        quiet(LiquidNetwork(1, 7, 1), waves(), epochs=2, checkpoint=file, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    whole = file.read_bytes()
    for damaged in (b"", b"no checkpoint", whole[: len(whole) // 2], whole[:-1]):
        file.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            quiet(network(), waves(), epochs=2, checkpoint=file, resume=True)


class _Hostile:
    def __init__(self, trap: Path):
        self.trap = trap

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trap,))


def test_a_checkpoint_cannot_execute_code(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    file = tmp_path / "run.checkpoint"
    torch.save({"format": "lnn-checkpoint", "history": _Hostile(trap)}, file)
    with pytest.raises(ModelFileError):
        quiet(network(), waves(), epochs=2, checkpoint=file, resume=True)
    assert not trap.exists()


SCRIPT = """
import signal, sys, torch
# A shell in the background would have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from test_checkpoints import loud, network, quiet, waves
quiet(network(), waves(), waves(seed=1), epochs=10**6, checkpoint={file!r}, loss=loud)
"""


def loud(outputs: Tensor, targets: Tensor) -> Tensor:
    """Says on standard output that the training is under way."""
    print("minibatch", flush=True)
    return (outputs - targets).square().mean()


def test_an_interrupt_leaves_a_checkpoint_that_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    script = SCRIPT.format(tests=str(Path(__file__).parent), file=str(file))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline() == b"minibatch\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and b"KeyboardInterrupt" in errors

    done = len(torch.load(file, weights_only=True)["history"]["train_loss"])
    assert done >= 5
    parts = waves(), waves(seed=1)
    whole, resumed = network(), network(seed=7)
    expected = quiet(whole, *parts, epochs=done + 2, loss=loud)
    found = quiet(resumed, *parts, epochs=done + 2, loss=loud, checkpoint=file, resume=True)
    assert found == expected and same(resumed.state_dict(), whole.state_dict())


@pytest.mark.parametrize(
    "changed",
    [
        {"solver": "euler"},
        {"unfolds": 2},
        {"wiring": wiring.random(6, sparsity=0.5, seed=1), "readout": "dense"},
    ],
    ids=["solver", "unfolds", "wiring"],
)
def test_a_network_of_other_options_does_not_resume(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    file = tmp_path / "run.checkpoint"
    before = {"wiring": wiring.random(6, sparsity=0.5, seed=0), "readout": "dense"}
    made = LiquidNetwork(1, output_size=1, seed=0, **before)
    quiet(made, waves(), epochs=1, checkpoint=file)
    with pytest.raises(ModelFileError, match="options or wiring"):
        other = LiquidNetwork(1, output_size=1, seed=0, **before | changed)
        quiet(other, waves(), epochs=2, checkpoint=file, resume=True)


@pytest.mark.parametrize("name", ["elapsed_time", "mask"])
def test_other_times_or_masks_are_other_data(tmp_path: Path, name: str) -> None:
    file, data = tmp_path / "run.checkpoint", waves()
    quiet(network(), data, epochs=1, checkpoint=file)
    value = torch.ones(data.inputs.shape[:2]) if name == "elapsed_time" else data.inputs > -2
    with pytest.raises(OptionError, match="other data"):
        other = replace(data, **{name: value})
        quiet(network(), other, epochs=2, checkpoint=file, resume=True)


def test_other_options_of_the_optimizer_do_not_resume(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    decaying = partial(torch.optim.Adam, weight_decay=0.5)
    with pytest.raises(OptionError, match="optimizer"):
        quiet(network(), waves(), epochs=2, checkpoint=file, resume=True, optimizer=decaying)
