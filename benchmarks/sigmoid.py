"""The largest error of the float32 sigmoid, over every float: ``python -m benchmarks.sigmoid``."""

from __future__ import annotations

import torch
from tqdm import tqdm

from liquid_neural_networks import fused
from liquid_neural_networks.fused import _operator as operator

BLOCK = 2**22


def main() -> None:
    """Two to three minutes for each instruction set."""
    for name in fused.instruction_sets():
        worst, where = 0.0, 0.0
        with fused.instruction_set(name):
            for start in tqdm(range(-(2**31), 2**31, BLOCK), desc=name):
                bits = torch.arange(start, start + BLOCK, dtype=torch.int64).to(torch.int32)
                x = bits.view(torch.float32)
                x = x[x.isfinite()].contiguous()
                got = torch.empty_like(x)
                kernel = operator.kernel_for(x.dtype)
                operator.built().sigmoid(x.data_ptr(), got.data_ptr(), x.numel(), kernel)
                error = (got.double() - torch.sigmoid(x.double())).abs()
                if x.numel() and float(error.max()) > worst:
                    worst, where = float(error.max()), float(x[error.argmax()])
        print(f"{name}: largest absolute error {worst:.3e}, at {where!r}")


if __name__ == "__main__":
    main()
