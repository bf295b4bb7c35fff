"""Convolutional heads: an image becomes a sequence of rows of features, as in the NCP paper."""

from __future__ import annotations

from torch import Tensor, nn

SHRINKS = 4  # each side, by two convolutions of stride 2
CHANNELS = 16


def head() -> nn.Sequential:
    """(B, 1, H, W) -> (B, 16, H / 4, W / 4)."""
    return nn.Sequential(
        *(nn.Conv2d(1, CHANNELS // 2, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(CHANNELS // 2, CHANNELS, 3, stride=2, padding=1), nn.ReLU()),
    )


def features(width: int) -> int:
    """How many numbers a row of features has, for images so wide."""
    return CHANNELS * -(-width // SHRINKS)


class RowByRow(nn.Module):
    """The head, and a recurrent network that reads its features from the top row to the last. The
    height of an image is a multiple of what a row of features covers."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.head, self.network = head(), network

    def forward(self, image: Tensor, *, elapsed_time: Tensor) -> Tensor:
        rows = self.head(image.unsqueeze(1)).transpose(1, 2).flatten(2)
        between = elapsed_time.unflatten(1, (-1, SHRINKS)).sum(dim=2)
        outputs: Tensor = self.network(rows, elapsed_time=between)
        return outputs


class AllAtOnce(nn.Module):
    """The head and two dense layers on all its features: a conventional convolutional network."""

    def __init__(self, rows: int, width: int, units: int, outputs: int):
        super().__init__()
        self.network = nn.Sequential(
            *(head(), nn.Flatten()),
            *(nn.Linear(-(-rows // SHRINKS) * features(width), units), nn.ReLU()),
            nn.Linear(units, outputs),
        )

    def forward(self, image: Tensor, **_: Tensor) -> Tensor:
        outputs: Tensor = self.network(image.unsqueeze(1))
        return outputs
