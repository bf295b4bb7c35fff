"""What ``fit`` costs, beside the loop that one would write by hand.

    python -m benchmarks.fit

19 neurons of an NCP wiring, windows of 32 samples in minibatches of 16, one thread. The loop by
hand is the same training with ``Adam(fused=True)`` and nothing else: no missing targets, no best
epoch, no checks. The contestants have their turns in every round; ratios are medians over the
rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import click
import torch
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.benchmark import interleaved, machine, ratio
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import fit

WINDOWS, STEPS, BATCH, EPOCHS = 320, 32, 16, 5
BARS = {"loop by hand": 1.15, "loop by hand around nn.LSTM(1, 19)": 1.0}
"""What the time of ``fit`` may be, by that of each."""


class Lstm(nn.Module):
    """``nn.LSTM`` of the same size, with a read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.readout = nn.LSTM(1, 19, batch_first=True), nn.Linear(19, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.readout(self.lstm(inputs)[0])


def by_hand(network: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """The plain loop."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(inputs)), BATCH):
            loss = nn.functional.mse_loss(network(inputs[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def trainings() -> dict[str, Callable[[], object]]:
    """Name -> the same number of steps."""
    waves = torch.sin(torch.arange(STEPS + 1) * 0.3 + torch.arange(WINDOWS)[:, None]).unsqueeze(-1)
    inputs, targets = waves[:, :-1].contiguous(), waves[:, 1:].contiguous()
    windows = Windows(inputs, targets)
    fitted, looped = (LiquidNetwork(1, wiring=wiring.ncp(12, 6, 1, seed=0), seed=0) for _ in "ab")
    peer = Lstm()
    return {
        "fit": lambda: fit(fitted, windows, epochs=EPOCHS, batch_size=BATCH, progress=False),
        "loop by hand": lambda: by_hand(looped, inputs, targets),
        "loop by hand around nn.LSTM(1, 19)": lambda: by_hand(peer, inputs, targets),
    }


@click.command()
@click.option("--seconds", type=click.FloatRange(0), default=60.0, show_default=True)
def main(seconds: float) -> None:
    torch.set_num_threads(1)
    click.echo(machine())
    times = interleaved(trainings(), seconds)
    steps = EPOCHS * WINDOWS // BATCH
    click.echo(f"{'':34}  us a step  fit by this")
    for name, own in times.items():
        by_this = ratio(times["fit"], own)
        bar = f"  (at most {BARS[name]:g})" if name in BARS else ""
        click.echo(f"{name:34}  {1e6 * median(own) / steps:9.0f}  {by_this:11.3f}{bar}")


if __name__ == "__main__":
    main()
