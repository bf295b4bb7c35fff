"""The optimiser training uses by itself: torch's numbers, without the seconds of its first step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.training._optimizer import Adam, adam


@pytest.mark.parametrize("options", [{}, {"fused": True}, {"weight_decay": 0.1, "amsgrad": True}])
def test_its_numbers_are_those_of_torch(options: dict[str, Any]) -> None:
    trained = []
    for kind in (Adam, torch.optim.Adam):
        network = LiquidNetwork(2, 6, 1, seed=0)
        optimizer = kind(network.parameters(), lr=0.01, **options)
        for step in range(5):
            optimizer.zero_grad()
            inputs = torch.sin(torch.arange(60.0) + step).reshape(3, 10, 2)
            network(inputs).square().mean().backward()
            optimizer.step()
        trained.append([each.detach().clone() for each in network.parameters()])
    assert all(map(torch.equal, *trained))


def test_hooks_closures_and_state_are_those_of_torch() -> None:
    network = LiquidNetwork(2, 6, 1, seed=0)
    optimizer, called = adam(network.parameters(), lr=0.01), []
    optimizer.register_step_post_hook(lambda *_: called.append(True))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = network(torch.ones(1, 4, 2)).square().mean()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() > 0 and called == [True]
    other = torch.optim.Adam(network.parameters(), lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert other.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()
    assert network.readout.weight.requires_grad


def test_a_first_training_does_not_wait_for_the_compiler_of_torch(tmp_path: Path) -> None:
    program = (
        "import sys, torch\n"
        "from liquid_neural_networks import LiquidNetwork\n"
        "from liquid_neural_networks.training import fit\n"
        "waves = torch.rand(4, 6, 1)\n"
        "for epochs, resume in ((2, False), (3, True)):\n"
        "    network = LiquidNetwork(1, 4, 1, seed=0)\n"
        "    fit(network, (waves, waves), epochs=epochs, checkpoint='c', resume=resume)\n"
        "print([each for each in ('torch._dynamo', 'sympy') if each in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert run.stdout == "[]\n", run.stderr
