"""Handwritten digits, read row by row [Hasani et al. 2021]."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..data import Split, Windows
from ._common import contents
from ._task import Task


def paper(folder: Path) -> Split:
    """Handwritten digits as 28 samples of 28 pixels, brightness 0 to 1; the class at the last
    sample. Of the 10,000 published test images the first 7,200 train, 800 validate, the last
    2,000 test. Each training image is used in eight copies, itself and seven slightly turned and
    shifted: 57,600, about as many as published. Copies are no new digits, so figures published
    for 60,000 compare only roughly."""
    images = np.frombuffer(contents(folder / "t10k-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(contents(folder / "t10k-labels-idx1-ubyte"), np.uint8, offset=8)
    rows = torch.from_numpy(images.reshape(-1, 28, 28) / np.float32(255))
    whole = Windows(rows, torch.from_numpy(labels.astype(np.int64)))
    train = whole[:7200]
    copies = [train.inputs, *(moved(train.inputs, seed) for seed in range(7))]
    eightfold = Windows(torch.cat(copies), train.targets.repeat(8))
    return Split(eightfold, whole[7200:8000], whole[8000:])


def moved(images: Tensor, seed: int) -> Tensor:
    """Each image (B, 28, 28) turned by up to 10 degrees and shifted by up to 2 pixels."""
    generator = torch.Generator().manual_seed(seed)
    angle, right, down = 2 * torch.rand(3, len(images), generator=generator) - 1
    turn, pixels = angle * (pi / 18), 2 / 14  # the grid runs from -1 to 1
    maps = torch.stack(
        [turn.cos(), -turn.sin(), pixels * right, turn.sin(), turn.cos(), pixels * down], dim=1
    )
    grid = functional.affine_grid(maps.view(-1, 2, 3), [len(images), 1, 28, 28], False)
    sampled: Tensor = functional.grid_sample(images.unsqueeze(1), grid, align_corners=False)
    return sampled.squeeze(1)


TASK = Task(
    name="mnist",
    summary="handwritten digits, read row by row (the 10,000 published test images)",
    size="10000 images of 28 x 28 pixels",
    metric="accuracy",
    licence="CC BY-SA 3.0 as usually stated",
    source="http://yann.lecun.com/exdb/mnist/",
    protocols={"paper": paper},
    published={
        "LSTM": 0.9841,
        "CT-RNN": 0.9673,
        "Neural ODE": 0.9761,
        "CT-GRU": 0.9827,
        "LTC": 0.9757,
    },
    files={
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
)
