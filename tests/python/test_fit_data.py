"""``fit`` takes what torch programmers have: tensors, arrays, data sets, loaders; and a device."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.utils.data import DataLoader, Dataset, TensorDataset

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.cli import main
from liquid_neural_networks.data import Windows
from liquid_neural_networks.errors import DataError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.training import fit
from liquid_neural_networks.training._as_windows import as_windows

WAVE = torch.sin(torch.arange(330) * 0.3).reshape(10, 33, 1)
INPUTS, TARGETS = WAVE[:, :-1], WAVE[:, 1:]
ELAPSED, MASK = torch.full((10, 32), 0.5), torch.rand(10, 32, 1) > 0.2
WINDOWS = Windows(INPUTS, TARGETS)


class Pairs(Dataset):
    """One sequence at a time."""

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return INPUTS[index], TARGETS[index]


def losses(train: Any, **options: Any) -> list[float]:
    network = LiquidNetwork(1, 6, 1, seed=0)
    return fit(network, train, epochs=3, batch_size=4, progress=False, **options).train_loss


KINDS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: (INPUTS, TARGETS),
    "arrays": lambda: (INPUTS.numpy(), TARGETS.numpy()),
    "dictionary": lambda: {"inputs": INPUTS, "targets": TARGETS},
    "tensor data set": lambda: TensorDataset(INPUTS, TARGETS),
    "data set": Pairs,
    "loader": lambda: DataLoader(Pairs(), batch_size=3),
    "loader of dictionaries": lambda: DataLoader(
        [{"inputs": x, "targets": y} for x, y in zip(INPUTS, TARGETS)], batch_size=7
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_trains_like_windows(kind: str) -> None:
    assert losses(KINDS[kind]()) == losses(WINDOWS)
    assert losses(WINDOWS, valid=KINDS[kind]()) == losses(WINDOWS, valid=WINDOWS)


def test_batches_without_masks_or_times_lack_nothing() -> None:
    fields = {"inputs": INPUTS, "targets": TARGETS, "elapsed_time": ELAPSED, "mask": MASK}

    def batch(rows: slice, *names: str) -> dict[str, torch.Tensor]:
        return {name: fields[name][rows] for name in ("inputs", "targets", *names)}

    batches = [
        batch(slice(0, 3)),
        batch(slice(3, 6), "mask"),
        batch(slice(6, 10), "elapsed_time", "mask"),
    ]
    found = as_windows(DataLoader(batches, batch_size=None), "train")
    assert found.elapsed_time is not None and found.mask is not None
    assert torch.equal(found.inputs, INPUTS) and torch.equal(found.targets, TARGETS)
    assert torch.equal(found.elapsed_time, torch.cat([torch.ones(6, 32), ELAPSED[6:]]))
    assert torch.equal(found.mask, torch.cat([torch.ones(3, 32, 1, dtype=bool), MASK[3:]]))


def test_batches_of_several_lengths_are_refused() -> None:
    batches = [(INPUTS[:3], TARGETS[:3]), (INPUTS[3:, :9], TARGETS[3:, :9])]
    with pytest.raises(ShapeError, match="different shapes") as caught:
        as_windows(DataLoader(batches, batch_size=None), "train")
    assert caught.value.argument == "train"


def test_times_and_masks_come_third_and_fourth() -> None:
    expected = losses(Windows(INPUTS, TARGETS, ELAPSED, MASK))
    assert losses((INPUTS, TARGETS, ELAPSED, MASK)) == expected
    assert losses(TensorDataset(INPUTS, TARGETS, ELAPSED, MASK)) == expected
    assert losses({"inputs": INPUTS, "targets": TARGETS, "mask": MASK}) != expected


@pytest.mark.parametrize(
    ("data", "error", "argument"),
    [
        (INPUTS, DtypeError, "train"),
        ((INPUTS,), DtypeError, "train"),
        ({"inputs": INPUTS, "target": TARGETS}, DtypeError, "train"),
        (DataLoader(TensorDataset(INPUTS[:0], TARGETS[:0])), DataError, "train"),
        ((INPUTS, TARGETS[:3]), ShapeError, "targets"),
    ],
    ids=["tensor", "one part", "names", "empty", "lengths"],
)
def test_other_data_are_refused(data: Any, error: type[Exception], argument: str) -> None:
    with pytest.raises(error) as caught:
        losses(data)
    assert getattr(caught.value, "argument", None) == argument


def test_a_network_is_trained_where_it_is_told_to() -> None:
    network = LiquidNetwork(1, 6, 1, seed=0)
    moved: list[Any] = []
    network.to = lambda device: moved.append(device)  # type: ignore[method-assign, assignment]
    fit(network, WINDOWS, epochs=1, device="cpu", progress=False)
    assert moved == [torch.device("cpu")]
    assert losses(WINDOWS, device="cpu") == losses(WINDOWS)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 1.5, "meta"])
def test_a_device_that_is_not_here_is_refused(device: Any) -> None:
    with pytest.raises(OptionError, match="lnn doctor"):
        losses(WINDOWS, device=device)


def test_the_command_line_names_the_device(tmp_path: Any) -> None:
    table = tmp_path / "wave.csv"
    np.savetxt(table, np.sin(np.arange(90) / 3), header="wave", comments="")
    arguments = ["train", str(table), "--target", "wave", "--epochs", "1", "--window", "8"]
    output = ["--output", str(tmp_path / "wave.lnn"), "--quiet"]
    refused = CliRunner().invoke(main, [*arguments, *output, "--device", "gpu"])
    assert refused.exit_code == 1 and "device: 'gpu' cannot be used" in refused.stderr
    assert CliRunner().invoke(main, [*arguments, *output, "--device", "cpu"]).exit_code == 0
