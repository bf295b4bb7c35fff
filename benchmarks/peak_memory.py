"""MiB that a training step on the sparse case adds to this process: ``python -m
benchmarks.peak_memory CONTESTANT``. In a process of its own, and on Linux."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.bars import SPARSE
from liquid_neural_networks import benchmark

STATUS, FORGET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def kibibytes(field: str) -> int:
    """VmRSS: resident now; VmHWM: at most so far."""
    lines = STATUS.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def main() -> None:
    model = benchmark.contestants(SPARSE.build())[sys.argv[1]]
    inputs = torch.randn(SPARSE.batch, SPARSE.steps, SPARSE.inputs)
    model(inputs[:1, :1]).sum().backward()
    FORGET_PEAK.write_text("5")
    before = kibibytes("VmRSS")
    model(inputs).sum().backward()
    print((kibibytes("VmHWM") - before) / 1024)


if __name__ == "__main__":
    main()
