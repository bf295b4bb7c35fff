"""``Graph``: an ONNX graph under construction, one call a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ..errors import MissingDependencyError

Value = str
"""The name of a tensor of the graph."""

OPSET = 17


def onnx_package() -> Any:
    """The package onnx.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError(
            "needs onnx: pip install 'liquid-neural-networks[onnx]'", "onnx"
        ) from None
    return onnx


class Graph:
    """Nodes and constants; a value is a name.

    Example:
        ``graph.Add(x, graph.number(1.0))`` adds a node ``Add`` and returns its output.
    """

    def __init__(self, name: str):
        self._onnx, self._name = onnx_package(), name
        self._nodes: list[Any] = []
        self._constants: dict[tuple[Any, ...], tuple[Value, npt.NDArray[Any]]] = {}

    def __getattr__(self, operator: str) -> Any:
        if not operator[0].isupper():
            raise AttributeError(operator)

        def node(*inputs: Value, count: int = 1, **attributes: Any) -> Any:
            outputs = [f"{operator}_{len(self._nodes)}_{index}" for index in range(count)]
            self.add(operator, inputs, outputs, **attributes)
            return outputs[0] if count == 1 else outputs

        return node

    def add(
        self, operator: str, inputs: Sequence[Value], outputs: Sequence[Value], **attributes: Any
    ) -> None:
        """Adds a node whose outputs have these names."""
        made = self._onnx.helper.make_node(operator, list(inputs), list(outputs), **attributes)
        self._nodes.append(made)

    def constant(self, values: npt.ArrayLike) -> Value:
        """A constant; equal ones are kept once. Floats are float32, integers int64."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else
                             bool if array.dtype.kind == "b" else np.float32)  # fmt: skip
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = (f"constant_{len(self._constants)}", array)
        return self._constants[key][0]

    number = constant

    def column(self, value: Value) -> Value:
        """(B,) -> (B, 1), and (B, N) -> (B, N, 1)."""
        return str(self.Unsqueeze(value, self.constant([-1])))

    def missing(self, value: Value) -> Value:
        """Where it is NaN or infinite."""
        return str(self.Or(self.IsNaN(value), self.IsInf(value)))

    def sum(self, value: Value, axis: int) -> Value:
        """The sum over an axis, which goes."""
        return str(self.ReduceSum(value, self.constant([axis]), keepdims=0))

    def take(self, value: Value, indices: Union[int, Sequence[int]], axis: int) -> Value:
        """Some of an axis; a number takes the axis away."""
        return str(self.Gather(value, self.constant(np.array(indices)), axis=axis))

    def proto(self, inputs: Mapping[Value, list[Any]], outputs: Mapping[Value, list[Any]]) -> Any:
        """The finished graph; inputs and outputs are floats of these shapes, names for any size."""
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        ends = [
            [helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in each.items()]
            for each in (inputs, outputs)
        ]
        as_tensor = self._onnx.numpy_helper.from_array
        constants = [as_tensor(array, name) for name, array in self._constants.values()]
        return helper.make_graph(self._nodes, self._name, *ends, constants)
