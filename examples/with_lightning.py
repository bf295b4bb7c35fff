"""A liquid network in PyTorch Lightning: nothing about it is special.

    pip install lightning
    python examples/with_lightning.py

The next value of noisy waves sampled at irregular times. The trainer brings its devices, loggers,
checkpoints and data parallel; the network is an ordinary module in it.
"""

from __future__ import annotations

import click
import torch
from lightning import LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from liquid_neural_networks import LiquidNetwork


class Forecaster(LightningModule):
    """Learns the next value from inputs (B, T, 1), elapsed times (B, T) and targets (B, T, 1)."""

    def __init__(self, hidden_size: int = 16, learning_rate: float = 0.01):
        super().__init__()
        self.save_hyperparameters()
        self.network = LiquidNetwork(1, hidden_size, 1)

    def forward(self, inputs: Tensor, elapsed_time: Tensor) -> Tensor:
        return self.network(inputs, elapsed_time=elapsed_time)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return self._loss("train_loss", batch)

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self._loss("valid_loss", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["learning_rate"])

    def _loss(self, name: str, batch: list[Tensor]) -> Tensor:
        inputs, elapsed_time, targets = batch
        loss = mse_loss(self(inputs, elapsed_time), targets)
        self.log(name, loss, prog_bar=True, on_epoch=True)
        return loss


def waves(count: int, steps: int = 24) -> TensorDataset:
    """Sines of random phase, seen at random times."""
    elapsed = torch.rand(count, steps + 1) + 0.1
    values = torch.sin(torch.rand(count, 1) * 6 + elapsed.cumsum(1)).unsqueeze(-1)
    return TensorDataset(values[:, :-1], elapsed[:, :-1], values[:, 1:])


def train(epochs: int, quiet: bool = False) -> tuple[float, float]:
    """The validation loss before and after."""
    seed_everything(0, verbose=False)
    model, valid = Forecaster(), DataLoader(waves(64), batch_size=64)
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=not quiet,
        enable_model_summary=not quiet,
    )
    before = trainer.validate(model, valid, verbose=False)[0]["valid_loss"]
    trainer.fit(model, DataLoader(waves(256), batch_size=32, shuffle=True), valid)
    after = trainer.validate(model, valid, verbose=False)[0]["valid_loss"]
    return before, after


@click.command()
@click.option("--epochs", type=click.IntRange(1), default=10, show_default=True)
def main(epochs: int) -> None:
    """Train a forecaster of irregular waves in PyTorch Lightning."""
    before, after = train(epochs)
    click.echo(f"mean squared error {before:.4f} before, {after:.4f} after {epochs} epochs")


if __name__ == "__main__":
    main()
