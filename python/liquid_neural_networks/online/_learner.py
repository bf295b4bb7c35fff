"""``Learner``: a network that keeps learning while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, Optional, Union
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .. import readout as readouts
from .._checks import check_choice, check_integer, check_positive
from .._inputs import real_array
from .._kernel import native
from .._live import Live
from .._samples import BEYOND, Sample, SampleChecks
from .._sequences import Number
from ..errors import DomainError, DtypeError, LiquidError, ModelFileError, OptionError, ShapeError
from ..neuron import LiquidNeuron
from ..streaming import Stream, check_one_dtype
from ._compiled import Compiled
from ._engine import LEARNED, NOT_FINITE, Array, Arrays, Engine, Lesson
from ._layout import Layout, layout_of, unsupported
from ._lookaheads import Lookahead, Lookaheads, Mark
from ._losses import LOSSES
from ._methods import METHODS, choose
from ._optimizers import OPTIMIZERS
from ._readout import LEAST_SQUARES, Readout
from ._reference import Reference
from ._snapshots import check_arrays, check_options, check_origin, dumps, loads
from ._window import Window

Target = Union[Sample, None]

EVENTS = 1000
"""How many of the latest are remembered."""


class Event(NamedTuple):
    """Something a learner did on its own.

    Attributes:
        sample: how many samples had come.
        kind: ``"not_finite"`` or ``"rolled_back"``.
        message: what happened, in a sentence.
    """

    sample: int
    kind: str
    message: str


class Learner(Live):
    """A live network whose weights follow its samples; made by :meth:`LiquidNetwork.learner`.

    :meth:`step` moves the state and returns the output, :meth:`learn` moves the weights. The
    network it was made from stays as it is until :meth:`commit`. One thread at a time may use it.
    Parameters whose ``requires_grad`` is False stay as they are. As a context manager it resets at
    the end.

    Args:
        populations: in the order in which signals travel, each with what the names of its
            parameters begin with.
        readout: of the last one's neurons.
        method: ``"exact"``, ``"snap2"``, ``"snap1"``, ``"window"``, ``"readout"``, or ``"auto"``:
            by cost. What C cannot carry along (several layers, a memory, a backbone, other
            dynamics or solvers) learns by ``"window"``, or by ``"exact"`` in plain torch, slowly.
        optimizer: ``"rmsprop"``, ``"adam"`` or ``"sgd"``, with the constants of ``torch.optim``;
            for ``"readout"`` also ``"least_squares"``, recursive and with forgetting.
        learning_rate: above 0.
        max_gradient_norm: longer gradients are shortened to it; None: they are not.
        loss: ``"mse"``, ``"mae"``, ``"huber"``, or ``"cross_entropy"`` of a class.
        max_delay: how many samples late a label may come. It takes memory for ``max_delay`` + 1
            times O gradients, which must stay below 1 GiB.
        window: samples that ``"window"`` looks back on.

    Attributes:
        method: the one in use.
        reason: why it is this one.
        learning_rate: may be changed at any time, to a number above 0.
        events: the latest things it did on its own, oldest first.
        input_size, output_size: I and O.
        network: a number that tells networks of other options, synapses or shapes apart.
        samples, updates: how many samples came, and how often weights moved.

    Raises:
        OptionError, DomainError, DtypeError: naming the option.

    Sources: Williams and Zipser, *A learning algorithm for continually running fully recurrent
    neural networks*, Neural Computation 1, 1989 (``exact``); Menick et al., *Practical real time
    recurrent learning with a sparse approximation*, ICLR 2021 (``snap1``, ``snap2``); Williams and
    Peng, *An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories*, Neural Computation 2, 1990 (``window``).
    """

    def __init__(
        self,
        populations: Sequence[tuple[str, LiquidNeuron]],
        readout: nn.Module,
        *,
        method: str = "auto",
        optimizer: str = "rmsprop",
        learning_rate: float = 1e-3,
        max_gradient_norm: Optional[float] = 1.0,
        loss: str = "mse",
        max_delay: int = 0,
        window: int = 16,
    ):
        if method != "auto":
            check_choice("method", method, METHODS)
        known = (*OPTIMIZERS, LEAST_SQUARES) if method == "readout" else tuple(OPTIMIZERS)
        check_choice("optimizer", optimizer, known)
        check_choice("loss", loss, LOSSES)
        self._max_delay = check_integer("max_delay", max_delay, 0, 2**20)
        window = check_integer("window", window, 1, 2**16)
        self.learning_rate = learning_rate
        if max_gradient_norm is not None:
            max_gradient_norm = check_positive("max_gradient_norm", max_gradient_norm)
        self._largest_norm = np.inf if max_gradient_norm is None else max_gradient_norm
        self._modules = list(populations), readout
        first = populations[0][1]
        check_one_dtype([each for _, each in populations], readout)
        if first.dynamics.like.dtype not in (torch.float32, torch.float64):
            raise DtypeError(
                f"is {first.dynamics.like.dtype}; only float32 and float64 networks learn while "
                "they run",
                "network",
            )
        _check_readout(readout)
        self.input_size = first.input_size
        self._checks = SampleChecks(first.input_size, first.hidden_size, first.dynamics.like.dtype)
        self.output_size = readouts.size_of(readout, first.hidden_size)
        self._loss = loss
        self._simple = self.output_size == 1 and loss != "cross_entropy"
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.samples = self.updates = 0
        self._waiting = 0  # outputs whose label may still come
        self._lookaheads = Lookaheads()
        with torch.inference_mode(False), torch.no_grad():
            self._open(method, optimizer, window)
        self._first_weights = self.weights()
        self.network = _digest(populations, readout)
        self._options: dict[str, Any] = {
            "method": self.method,
            "optimizer": optimizer,
            "learning_rate": self.learning_rate,
            "max_gradient_norm": max_gradient_norm,
            "loss": loss,
            "max_delay": self._max_delay,
            "window": window,
        }

    def _open(self, method: str, optimizer: str, window: int) -> None:
        populations, readout = self._modules
        layout, why_not = _layout(populations, readout)
        self.method, self.reason = method, "it was asked for"
        if method == "auto":
            self.method, self.reason = choose(layout, why_not)
        trainable = set(_trainable(populations, readout))
        if not trainable:
            raise OptionError("has no parameter that requires a gradient", "network")
        kept = self._max_delay + 1 if self._max_delay else 0
        self._engine: Engine
        if layout is not None and native is not None and METHODS[self.method].kept is not None:
            stored = _stored(populations, readout)
            self._engine = Compiled(
                layout, stored, trainable, self.method, self._loss, optimizer, kept
            )
        elif self.method == "window":
            self._engine = Window(
                populations, readout, trainable, self._loss, optimizer, kept, window
            )
        elif self.method == "readout":
            self._engine = Readout(populations, readout, self._loss, optimizer, kept)
        elif layout is None and self.method != "exact":
            raise OptionError(
                f"{self.method} needs a network whose synapses say what is kept, but {why_not}; "
                "take 'window', or 'exact', which is slow here",
                "method",
            )
        else:
            self._engine = Reference(
                populations, readout, trainable, self._loss, optimizer, kept, self.method, layout
            )

    def __repr__(self) -> str:
        return (
            f"Learner({self.method}: {self.reason}; {self._engine.parameters} parameters, "
            f"{self._options['optimizer']} {self.learning_rate:g}, {self._engine.NAME})"
        )

    def __reduce__(self) -> NoReturn:
        raise OptionError(
            "a learner is a live session and cannot be copied or pickled; keep its snapshot()",
            "learner",
        )

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = check_positive("learning_rate", value)

    # -- running and learning --------------------------------------------------------------------

    def step(
        self,
        inputs: Sample,
        elapsed_time: float = 1.0,
        time_constants: Optional[Number] = None,
    ) -> Array:
        """Feeds one sample and returns the output; weights stay as they are.

        Args:
            inputs: (I,) numbers; NaN marks a missing feature.
            elapsed_time: time since the previous sample, at least 0. Default 1.
            time_constants: a number or (N,), see :meth:`LiquidNetwork.forward`.

        Returns:
            (O,) array.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
        """
        values = self.checked_inputs(inputs)
        given = None if time_constants is None else self._checks.time_constants(time_constants)
        outputs = self._engine.step(values, self._checks.elapsed_time(elapsed_time), given)
        if outputs is None:
            raise DomainError(BEYOND, "inputs")
        self.samples += 1
        self._waiting = min(self._waiting + 1, self._max_delay + 1)
        return outputs

    def learn(self, target: Target, delay: int = 0) -> Optional[float]:
        """Moves the weights by what an output should have been; the state stays as it is.

        Args:
            target: (O,) numbers, or one for a single output; NaN where not known; None: nothing is
                known. For ``cross_entropy`` the number of a class.
            delay: how many samples ago the output was made, up to ``max_delay``. The gradient is
                exactly the one it had with the weights at that sample; with ``"window"`` and
                ``"readout"`` the one it has with the current weights.

        Returns:
            The loss of that output, or None if nothing was learned from it: nothing is known, the
            gradient is not finite (see :attr:`events`), or the output was forgotten, as all are
            with the state they came from: by :meth:`reset`, by setting :attr:`state`, by
            :meth:`set_weights`, and after a gradient that is not finite.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
            OptionError: it is looking ahead.
        """
        self.check_settled()
        if type(delay) is not int or not 0 <= delay <= self._max_delay:
            check_integer("delay", delay, 0, self._max_delay)
        if target is None:
            return None
        if delay >= self.samples:
            raise DomainError(f"only {self.samples} samples have come", "delay")
        values = self.checked_target(target)
        if delay >= self._waiting:
            return None
        lesson = Lesson(
            values,
            delay,
            self._learning_rate,
            self._largest_norm,
            self.updates + 1,
        )
        outcome, loss = self._engine.learn(lesson)
        if outcome == LEARNED:
            self.updates += 1
            return loss
        if outcome == NOT_FINITE:
            self._recover()
        return None

    def lookahead(self) -> Lookahead[Learner]:
        """What-if: samples fed within the ``with`` block are forgotten at its end.

        For forecasts of several steps, or to ask what the output would be, again and again; all is
        then as it was before, state, sensitivities and counts. Nothing can be learned meanwhile.

        Example:
            >>> from liquid_neural_networks import LiquidNetwork
            >>> learner = LiquidNetwork(1, 8, 1, seed=0).learner()
            >>> with learner.lookahead():
            ...     ahead = learner.step([0.5])
            >>> bool(learner.step([0.5]) == ahead)  # as if it had not been asked
            True
        """
        return Lookahead(self, self._begin, self._end)

    def _begin(self) -> Mark:
        return self._lookaheads.opened((self._engine.marked(), self.samples, self._waiting))

    def _end(self, mark: Mark) -> None:
        before, self.samples, self._waiting = self._lookaheads.closed(mark)
        self._engine.go_back(before)

    @property
    def ahead(self) -> bool:
        """Whether it is within :meth:`lookahead`."""
        return self._lookaheads.any

    def check_settled(self) -> None:
        """Raises OptionError within :meth:`lookahead`."""
        if self.ahead:
            raise OptionError(
                "looks ahead, what comes now is forgotten; do this after the with block", "learner"
            )

    def _recover(self) -> None:
        """From a gradient that is not finite."""
        arrays = self._engine.arrays()
        found = {name: np.where(np.isfinite(each), each, 0) for name, each in arrays.items()}
        found["gradient"] = np.zeros_like(found["gradient"])
        lost = not np.isfinite(arrays["state"]).all()
        if lost:
            found["state"] = np.zeros_like(found["state"])
        self._engine.restore(found)
        self._forget()
        sound = all(np.isfinite(arrays[name]).all() for name in _WEIGHTS)
        if sound and self._learns_from_rest():
            self._engine.restore(found)
            self.note(
                "not_finite",
                "a gradient was not finite: the weights stayed, and the influence of earlier "
                "samples was forgotten"
                + (", the state too, which was not finite either" if lost else ""),
            )
            return
        self._engine.restore({**found, **self._first_weights})
        self.reset()
        self.note(
            "not_finite",
            "a gradient was not finite, nor would be those of the next samples: the weights are "
            "those it began with, and the state is zero",
        )

    def _learns_from_rest(self) -> bool:
        """Whether the gradient for a sample of zeros, fed to the zero state, is finite; moves
        what a sample and a lesson move."""
        engine, zeros = self._engine, np.zeros(self.output_size)
        engine.set_state(np.zeros_like(engine.state()))
        engine.step(np.zeros(self.input_size), 1.0, None)
        target = zeros if self._loss != "cross_entropy" else self._class(zeros[0])
        outcome, _ = engine.learn(Lesson(target, 0, 0.0, self._largest_norm, 1))
        return outcome == LEARNED

    def _forget(self) -> None:
        """What follows owes nothing to earlier samples, and their labels teach nothing."""
        self._engine.forget()
        self._waiting = 0

    def snapshot(self) -> bytes:
        """Everything it needs to go on: weights, state, sensitivities, optimiser; no pickle.

        See :meth:`restore` and :func:`~liquid_neural_networks.online.resume`.

        Raises:
            OptionError: it is looking ahead.
        """
        self.check_settled()
        counts = {
            "samples": self.samples,
            "updates": self.updates,
            "waiting": self._waiting,
        }
        return dumps("learner", self.network, self.options, counts, self._engine.arrays())

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot of a learner with the same options on the same network.

        Events of later samples than the snapshot's are forgotten.

        Raises:
            ModelFileError: the bytes are no such snapshot; nothing changes.
            OptionError: it was made with another option, or this one is looking ahead; nothing
                changes.
            DtypeError: these are not bytes.
        """
        self.check_settled()
        self._restore(loads(snapshot))

    def _restore(self, found: dict[str, Any]) -> None:
        check_origin(found, "learner", self.network)
        check_options(found["options"], self.options, changing=("learning_rate",))
        rate = found["options"]["learning_rate"]
        if type(rate) is not float or not 0 < rate < np.inf:
            raise ModelFileError("expected a rate above 0", "snapshot.options.learning_rate")
        counts, arrays = found["counts"], found["arrays"]
        if set(counts) != {"samples", "updates", "waiting"}:
            raise ModelFileError("expected samples, updates and waiting", "snapshot.counts")
        if counts["waiting"] > min(counts["samples"], self._max_delay + 1):
            raise ModelFileError("more wait than there are", "snapshot.counts.waiting")
        check_arrays(arrays, self._engine.arrays())
        wrong = self._engine.misfit(arrays, counts["waiting"])
        if wrong:
            raise ModelFileError("is out of range", f"snapshot.arrays.{wrong}")
        self._engine.restore(arrays)
        self.samples, self.updates = counts["samples"], counts["updates"]
        self._waiting, self.learning_rate = counts["waiting"], rate
        later = [each for each in self.events if each.sample > self.samples]
        for each in later:  # those of the time that was taken back
            self.events.remove(each)

    @property
    def options(self) -> dict[str, Any]:
        """What it was made with, as plain data; ``method`` is the one in use."""
        return {**self._options, "learning_rate": self.learning_rate}

    def note(self, kind: str, message: str) -> None:
        """Adds an event."""
        self.events.append(Event(self.samples, kind, message))

    def checked_inputs(self, inputs: Sample) -> npt.NDArray[Any]:
        """(I,) numbers, NaN where missing. Errors are those of :meth:`step`."""
        return self._checks.sample("inputs", inputs)

    def checked_target(self, target: Sample) -> Union[Array, float]:
        """(O,) numbers, or one for all outputs, NaN where not known; of ``cross_entropy`` a
        probability for each class. Errors are those of :meth:`learn`."""
        if self._simple and isinstance(target, float):
            if abs(target) > self._checks.largest:
                raise DomainError(BEYOND, "target")
            return target
        values = real_array("target", target)
        if self._loss == "cross_entropy":
            return self._class(values)
        if values.shape != (self.output_size,) and not (
            values.shape == () and self.output_size == 1
        ):
            raise ShapeError(f"expected ({self.output_size},), got {values.shape}", "target")
        if (np.abs(values) > self._checks.largest).any():
            raise DomainError(BEYOND, "target")
        return values

    def _class(self, values: npt.NDArray[np.float64]) -> Array:
        if values.shape != ():
            raise ShapeError(f"expected the number of a class, got {values.shape}", "target")
        if np.isnan(values):
            return np.full(self.output_size, np.nan)
        if float(values) not in range(self.output_size):
            raise DomainError(
                f"expected a class from 0 to {self.output_size - 1}, got {float(values):g}",
                "target",
            )
        one: Array = (np.arange(self.output_size) == float(values)).astype(np.float64)
        return one

    def gradients(self) -> dict[str, Array]:
        """Of the loss last learned, by the name of the parameter in :meth:`LiquidNetwork.values`.

        By what is stored, before a constraint makes a positive number of it, as torch's ``grad``
        is; before it is shortened.
        """
        return {name: each.copy() for name, each in self._engine.gradients().items()}

    # -- state and weights -----------------------------------------------------------------------

    @property
    def state(self) -> Array:
        """(num_layers, N) array, with a memory (num_layers, 2 N): the state after the last sample.

        Read, it is a copy; set, the learner goes on from there, and what follows owes nothing to
        earlier samples: labels of their outputs teach nothing.

        Raises:
            ShapeError, DtypeError, DomainError: what is set is no such state; nothing changes.
        """
        return self._engine.state()

    @state.setter
    def state(self, state: Sample) -> None:
        values = self._checks.state(state, self._engine.state().shape)
        self._engine.set_state(values)
        self._forget()

    def weights(self) -> Arrays:
        """Copies of the weights and of what the optimiser remembers, for :meth:`set_weights`."""
        arrays = self._engine.arrays()
        return {name: arrays[name] for name in _WEIGHTS}

    def set_weights(self, weights: Arrays) -> None:
        """Goes back to such weights; the state stays unless it is not finite.

        Labels of outputs before it teach nothing.

        Raises:
            DomainError: an array is missing or has another shape or dtype, contains NaN or
                infinity, or lies beyond its bounds; nothing changes.
            OptionError: it is looking ahead.
        """
        self.check_settled()
        self.check_weights(weights)
        arrays = {**self._engine.arrays(), **weights}
        if not np.isfinite(arrays["state"]).all():
            arrays["state"] = np.zeros_like(arrays["state"])
        self._engine.restore(arrays)
        self._forget()

    def check_weights(
        self, weights: Arrays, where: str = "weights", wrong: type[LiquidError] = DomainError
    ) -> None:
        """Raises what :meth:`set_weights` would, or another error that names another argument."""
        arrays = self._engine.arrays()
        check_arrays(weights, {name: arrays[name] for name in _WEIGHTS}, where=where, wrong=wrong)
        out_of_range = self._engine.misfit({**arrays, **weights}, 0)
        if out_of_range:
            raise wrong("is out of range", f"{where}.{out_of_range}")

    def weights_digest(self) -> int:
        """A number that tells the weights of the network it was made from apart."""
        stored = _stored(*self._modules)
        return crc32(b"".join(each.detach().cpu().numpy().tobytes() for each in stored.values()))

    def frozen(self) -> Stream:
        """A stream with the current weights of the network and its current state."""
        populations, readout = self._modules
        return Stream([each for _, each in populations], readout, self.state)

    def reset(self) -> None:
        """Back to the zero state; the weights stay as learned.

        Labels of outputs before it teach nothing.
        """
        self.state = np.zeros_like(self._engine.state())

    @torch.no_grad()
    def commit(self) -> None:
        """Writes the weights into the network the learner was made from.

        Raises:
            OptionError: something stands in for a parameter there (pruning, parametrizations);
                nothing is written.
        """
        populations, readout = self._modules
        _check_readout(readout)
        stored = self._engine.stored()
        modules = {
            prefix + inner: module
            for prefix, neuron in populations
            for inner, module in neuron.parameter_modules().items()
        }
        for module in modules.values():
            module.check_writable(module.stored())
        for prefix, module in modules.items():
            for name in module.stored():
                module.get_parameter(name).copy_(stored[prefix + name])
        for name, parameter in readout.named_parameters(recurse=False):
            parameter.copy_(stored[f"readout.{name}"])


_WEIGHTS = ("parameters", "first_moment", "second_moment")


def _check_readout(readout: nn.Module) -> None:
    """Its parameters are its own.

    Raises:
        OptionError: something else stands in for one.
    """
    if isinstance(readout, nn.Linear):
        names: tuple[str, ...] = ("weight", "bias")
    else:
        names = ("scale", "shift") if isinstance(readout, readouts.MotorReadout) else ()
    for name in names:
        if readout._parameters.get(name) is None and getattr(readout, name) is not None:
            raise OptionError(
                "is pruned or parametrized, so it cannot be learned; undo that first, for instance "
                "with torch.nn.utils.prune.remove or "
                "torch.nn.utils.parametrize.remove_parametrizations",
                f"readout.{name}",
            )


def _digest(populations: Sequence[tuple[str, LiquidNeuron]], readout: nn.Module) -> int:
    """A number that tells networks of other options, synapses or shapes apart."""
    described = [
        (name, neuron.config(), neuron.dynamics.wiring_digest()) for name, neuron in populations
    ]
    shapes = [
        (name, tuple(each.shape), str(each.dtype))
        for name, each in _stored(populations, readout).items()
    ]
    return crc32(repr((described, shapes)).encode())


def _layout(
    populations: Sequence[tuple[str, LiquidNeuron]], readout: nn.Module
) -> tuple[Optional[Layout], str]:
    if len(populations) > 1:
        return None, "it has several layers"
    prefix, population = populations[0]
    why_not = unsupported(population)
    like = population.dynamics.like
    if not why_not and readouts.affine(readout, like, population.hidden_size) is None:
        why_not = "its read-out is none that is known"
    return (None, why_not) if why_not else (layout_of(prefix, population, readout), "")


def _stored(
    populations: Sequence[tuple[str, LiquidNeuron]], readout: nn.Module
) -> dict[str, Tensor]:
    stored = {
        prefix + inner + name: each
        for prefix, neuron in populations
        for inner, module in neuron.parameter_modules().items()
        for name, each in module.stored().items()
    }
    first = populations[0][1]
    own = readouts.values(readout, first.dynamics.like, first.hidden_size)
    return {**stored, **{f"readout.{name}": each for name, each in own.items()}}


def _trainable(
    populations: Sequence[tuple[str, LiquidNeuron]], readout: nn.Module
) -> dict[str, Tensor]:
    stored = _stored(populations, readout)
    own = {f"readout.{name}" for name, _ in readout.named_parameters(recurse=False)}
    # What stands in for a pruned parameter may have been made where no gradients are wanted.
    return {
        name: each
        for name, each in stored.items()
        if (each.requires_grad or not isinstance(each, nn.Parameter))
        and (not name.startswith("readout.") or name in own)
    }
