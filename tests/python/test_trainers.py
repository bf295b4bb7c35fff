"""Other people's training loops take a network as it is."""

from __future__ import annotations

import copy
import gc
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.utils.data import DataLoader, Dataset

from core_cases import METHODS
from liquid_neural_networks import LiquidNetwork

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.skipif(
    find_spec("lightning") is None,
    reason="THE LIGHTNING EXAMPLE IS NOT TESTED: pip install lightning",
)
@pytest.mark.filterwarnings("ignore")
def test_lightning(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    before, after = runpy.run_path(str(EXAMPLES / "with_lightning.py"))["train"](3, quiet=True)
    assert after < 0.5 * before


class Sums(Dataset):
    """Ragged lists of numbers; the label is whether their sum is positive."""

    def __init__(self, count: int):
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(3, 9, (count,), generator=generator).tolist()
        self.values = [torch.randn(n, 1, generator=generator) for n in lengths]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> dict[str, Any]:
        values = self.values[index]
        return {"inputs": values, "labels": int(values.sum() > 0)}


def collate(items: list[dict[str, Any]]) -> dict[str, Tensor]:
    """A dict of tensors, as data collators of the Trainer kind make them."""
    lengths = torch.tensor([len(item["inputs"]) for item in items])
    return {
        "inputs": nn.utils.rnn.pad_sequence([item["inputs"] for item in items], batch_first=True),
        "mask": torch.arange(int(lengths.max())) < lengths[:, None],
        "labels": torch.tensor([item["labels"] for item in items]),
    }


class Classifier(nn.Module):
    """What a Trainer wants of a model: called with the batch, it gives the loss and the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LiquidNetwork(1, 12, 2, return_sequences=False, seed=0)

    def forward(
        self, inputs: Tensor, mask: Tensor, labels: Optional[Tensor] = None
    ) -> dict[str, Tensor]:
        logits = self.network(inputs, mask=mask)
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_a_trainer_style_loop(tmp_path) -> None:
    """Accumulated gradients, clipping, warm-up, two groups of decay, autocast off, a checkpoint."""
    torch.manual_seed(0)
    model, data = Classifier(), Sums(256)
    decayed = [each for name, each in model.named_parameters() if "readout.weight" in name]
    others = [each for name, each in model.named_parameters() if "readout.weight" not in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
        lr=0.02,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    losses = []
    for _ in range(8):
        model.train()
        batches = DataLoader(data, batch_size=16, shuffle=True, collate_fn=collate)
        for number, batch in enumerate(batches):
            loss = model(**batch)["loss"]
            losses.append(float(loss.detach()))
            (loss / 2).backward()
            if number % 2:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                model.zero_grad()
    assert sum(losses[-16:]) < 0.6 * sum(losses[:16])
    torch.save(model.state_dict(), tmp_path / "model.bin")
    again = Classifier()
    again.load_state_dict(torch.load(tmp_path / "model.bin", weights_only=True))
    batch = collate([data[index] for index in range(64)])
    torch.testing.assert_close(again.eval()(**batch), model.eval()(**batch))


def stepping_in_backward(network: nn.Module, learning_rate: float) -> None:
    """Gives every parameter an optimiser that steps as soon as its gradient is there."""

    def attach(parameter: nn.Parameter) -> None:
        optimizer = torch.optim.SGD([parameter], lr=learning_rate)

        def step(_: Tensor) -> None:
            optimizer.step()
            optimizer.zero_grad()

        parameter.register_post_accumulate_grad_hook(step)

    for each in network.parameters():
        attach(each)


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize(("dynamics", "solver"), METHODS)
def test_optimizers_that_step_in_the_backward_pass(
    dynamics: str, solver: Optional[str], memory: bool
) -> None:
    ours, theirs = (
        LiquidNetwork(2, 6, 1, dynamics=dynamics, solver=solver, mixed_memory=memory, seed=0)
        for _ in range(2)
    )  # fmt: skip
    x = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    rate = 0.01
    stepping_in_backward(ours, rate)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=rate)
    for _ in range(3):
        ours(x).mean().backward()
        theirs(x).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        assert torch.equal(mine, other)


def below(network: LiquidNetwork) -> bool:
    """Whether a capacitance is below its bound."""
    return bool((network.neurons[0].dynamics.c < 1e-7).any())


def sink(optimizer: torch.optim.Optimizer, network: LiquidNetwork) -> None:
    """A step that leads far below the bound of every capacitance."""
    for each in network.parameters():
        each.grad = torch.full_like(each, 100.0)
    optimizer.step()


def test_bounds_hold_whatever_becomes_of_a_network() -> None:
    network = LiquidNetwork(1, 4, 1, seed=0)
    dynamics = network.neurons[0].dynamics
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    prune.identity(dynamics, "c")  # is now c_orig, with a hook
    sink(optimizer, network)
    prune.remove(dynamics, "c")
    sink(optimizer, network)
    assert not below(network)

    copied = copy.deepcopy(network)
    sink(torch.optim.SGD(copied.parameters(), lr=1.0), copied)
    assert not below(copied)

    replaced = {name: torch.ones_like(value) for name, value in network.state_dict().items()}
    network.load_state_dict(replaced, assign=True)
    sink(optimizer, network)  # which has the parameters of before
    assert float(dynamics.c.detach().min()) == 1.0
    sink(torch.optim.SGD(network.parameters(), lr=1.0), network)
    assert not below(network)

    shared = LiquidNetwork(1, 4, 1, seed=1)
    optimizer = torch.optim.SGD(shared.parameters(), lr=1.0)
    sink(optimizer, shared)
    network.neurons[0].dynamics.c = shared.neurons[0].dynamics.c
    del shared
    gc.collect()
    sink(optimizer, network)
    assert not below(network)


def test_a_bound_holds_again_after_a_parametrization() -> None:
    network = LiquidNetwork(1, 4, 1, seed=0)
    dynamics = network.neurons[0].dynamics
    parametrize.register_parametrization(dynamics, "c", nn.Identity())
    optimizer = torch.optim.SGD(dynamics.parametrizations.parameters(), lr=1.0)
    sink(optimizer, network)
    parametrize.remove_parametrizations(dynamics, "c", leave_parametrized=False)
    assert below(network)  # what is stored in a parametrization is not the value
    sink(optimizer, network)
    assert not below(network)


def test_a_step_writes_to_nothing_else() -> None:
    stepped, other = LiquidNetwork(1, 4, 1, seed=0), LiquidNetwork(1, 4, 1, seed=0)
    versions = [each._version for each in other.parameters()]
    only = stepped.neurons[0].dynamics.w
    own = [each._version for each in stepped.parameters() if each is not only]
    only.grad = torch.ones_like(only)
    torch.optim.SGD([only], lr=0.1).step()
    assert [each._version for each in other.parameters()] == versions
    assert [each._version for each in stepped.parameters() if each is not only] == own
