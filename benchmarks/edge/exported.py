"""Exported C on this machine, called from Python."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from liquid_neural_networks import LiquidNetwork, export


class Exported:
    """A network as exported C, one sample at a time.

    Args:
        numbers: see :func:`liquid_neural_networks.export.c`.
        inputs: (T, I) to calibrate whole numbers with.
        folder: to build in; it is made.
    """

    def __init__(self, network: LiquidNetwork, numbers: str, inputs: Any, folder: Path):
        self._whole = numbers.startswith("int")
        table = inputs if self._whole else None
        folder.mkdir(parents=True)
        export.c(network, folder, name="net", numbers=numbers, calibrate=table)
        command = ["cc", "-std=c99", "-O2", "-shared", "-fPIC", "net.c", "-o", "net.so"]
        subprocess.run(command, cwd=folder, check=True)
        self._library = ctypes.CDLL(str(folder / "net.so"))
        if self._whole:
            self._library.net_input.restype = ctypes.c_int16
        sizes = _macros((folder / "net.h").read_text())
        self._one = float(sizes.get("NET_OUTPUT_ONE", 1))
        self._inputs = np.zeros(int(sizes["NET_INPUTS"]), np.int16 if self._whole else np.float32)
        self._outputs = np.zeros(int(sizes["NET_OUTPUTS"]), np.int32 if self._whole else np.float32)
        neurons = int(sizes["NET_NEURONS"]) * int(sizes["NET_LAYERS"])
        self._state = np.zeros(2 * neurons + 64, np.int32)
        self.reset()

    def reset(self) -> None:
        self._library.net_init(_address(self._state))

    def step(self, inputs: Any, elapsed_time: float) -> Any:
        """(O,) for (I,)."""
        if self._whole:
            for k, value in enumerate(inputs):
                self._inputs[k] = self._library.net_input(k, ctypes.c_float(value))
            time: Any = ctypes.c_uint32(int(elapsed_time * 2**20 + 0.5))
        else:
            self._inputs[:] = inputs
            time = ctypes.c_float(elapsed_time)
        arrays = [_address(each) for each in (self._state, self._inputs, self._outputs)]
        self._library.net_step(arrays[0], arrays[1], time, arrays[2])
        return self._outputs / self._one


def _address(array: Any) -> Any:
    return ctypes.c_void_p(array.ctypes.data)


def _macros(header: str) -> dict[str, str]:
    rows = [line.split("/*")[0].split(None, 2) for line in header.splitlines()]
    return {row[1]: row[2].strip() for row in rows if len(row) == 3 and row[0] == "#define"}
