"""The largest error of the float32 sigmoid, over every float: ``python -m benchmarks.sigmoid``.

Two to three minutes for each instruction set of this machine; what was found for others stays in
``benchmarks/sigmoid.json``.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tqdm import tqdm

from liquid_neural_networks import _kernel, fused

BLOCK = 2**22
RECORD = Path(__file__).with_name("sigmoid.json")


def largest_error() -> tuple[float, float]:
    """Of the instruction set in use, and the number it occurs at."""
    worst, where = 0.0, 0.0
    for start in tqdm(range(-(2**31), 2**31, BLOCK), desc=fused.status().instruction_set):
        bits = torch.arange(start, start + BLOCK, dtype=torch.int64).to(torch.int32)
        x = bits.view(torch.float32)
        x = x[x.isfinite()].contiguous()
        found = torch.empty_like(x)
        _kernel.built().sigmoid(x, found, _kernel.kernel_for(x.dtype))
        error = (found.double() - torch.sigmoid(x.double())).abs()
        if x.numel() and float(error.max()) > worst:
            worst, where = float(error.max()), float(x[error.argmax()])
    return worst, where


def main() -> None:
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in fused.instruction_sets():
        with fused.instruction_set(name):
            error, where = largest_error()
        record[name] = {"largest_error": error, "at": where}
        print(f"{name}: largest absolute error {error:.3e}, at {where!r}")
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
