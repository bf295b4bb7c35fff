"""``fit``: epochs of minibatches, early stopping, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from .._checks import check_choice, check_count, check_flag, check_positive, check_seed
from .._files import PathOrName
from ..data import Windows
from ..errors import DataError, DomainError, DtypeError, LiquidError, ModelFileError, OptionError
from ..network import LiquidNetwork
from . import _parallel as parallel
from ._checkpoint import check_place, read, write
from ._history import History
from ._losses import Loss, cross_entropy, known, squared_error
from ._predict import mean_loss, run

OptimizerFactory = Callable[..., torch.optim.Optimizer]
"""``torch.optim.Adam``, or anything called like it: (parameters, lr=...)."""

Callback = Callable[[History], Optional[bool]]
"""What a training calls after every epoch; it goes on unless the answer is true."""

SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
"""Name -> factor on the learning rate when this share of the epochs, 0 to below 1, is done."""


def fit(
    network: nn.Module,
    train: Windows,
    valid: Optional[Windows] = None,
    *,
    epochs: int = 100,
    batch_size: int = 16,
    learning_rate: float = 0.01,
    loss: Optional[Loss] = None,
    selection: Optional[Loss] = None,
    optimizer: OptimizerFactory = torch.optim.Adam,
    schedule: str = "constant",
    max_gradient_norm: Optional[float] = None,
    patience: Optional[int] = None,
    checkpoint: Optional[PathOrName] = None,
    resume: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    progress: bool = True,
    callback: Optional[Callback] = None,
    interrupted: Optional[Callable[[], bool]] = None,
) -> History:
    """Trains a network on windows; afterwards it has the weights of the best epoch.

    The same call on the same data gives the same weights; torch's global random state is left
    as it was. With ``checkpoint``, an interrupted training (Ctrl-C, a crash, a power cut) goes
    on with ``resume=True`` and ends with exactly the weights it would have had.

    In a ``torch.distributed`` process group (see :func:`data_parallel`) every process gets the
    same call, computes its share of each minibatch, and ends with the same weights: those of one
    process, but for rounding. The first one writes the checkpoint and shows the progress.

    Args:
        network: a :class:`~liquid_neural_networks.LiquidNetwork`, or any module called like
            one: with inputs, and ``elapsed_time=`` and ``mask=`` if the windows have them.
        train: windows to learn from, shuffled anew every epoch.
        valid: windows that choose the best epoch. Default: none, the last epoch is the best.
        epochs: how often all windows are seen, at most.
        batch_size: windows per optimiser step, of all processes together.
        learning_rate: of the optimiser.
        loss: ``(outputs, targets) -> mean loss``. Default: mean squared error for value
            targets, cross-entropy for classes, both over the targets known.
        selection: what chooses the best epoch, called like ``loss`` on the validation windows
            and better when lower, such as a rate of errors. Default: the loss.
        optimizer: made by ``optimizer(network.parameters(), lr=learning_rate)``; use
            ``functools.partial`` for further options.
        schedule: of the learning rate: ``"constant"``, or ``"cosine"``, which falls to 0.
        max_gradient_norm: scale the gradient down to this length, over all parameters, where it
            is longer: steadier where losses are steep. Default: never.
        patience: stop after so many epochs without a better one in validation. Default: never.
        checkpoint: file written after every epoch, atomically. Default: none.
        resume: go on from the checkpoint, if there is one yet; without, it is overwritten.
        drop_last: leave out the last minibatch of an epoch if it is not full.
        seed: of the shuffling and of dropout.
        progress: a progress bar on standard error.
        callback: called after every epoch with the history so far; training ends when it
            returns true.
        interrupted: asked after every minibatch; when it says true, training ends there, and
            the epoch under way does not count.

    Returns:
        The course of the losses, and which epoch was best.

    Raises:
        DomainError: a number is out of range, or the loss became NaN or infinite.
        ShapeError, DtypeError: windows and network do not fit, or an argument is of a wrong kind.
        DataError: no target is known, or there is no folder for the checkpoint.
        OptionError: ``resume`` without ``checkpoint``, ``patience`` without ``valid``, a network
            with nothing to train, or the checkpoint belongs to a training on other data or with
            other settings.
        ModelFileError: the checkpoint is damaged, or of another network.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork
        >>> from liquid_neural_networks.data import Windows
        >>> from liquid_neural_networks.training import fit
        >>> wave = torch.sin(torch.arange(330) * 0.3).reshape(10, 33, 1)
        >>> history = fit(
        ...     LiquidNetwork(1, 8, 1, seed=0), Windows(wave[:, :-1], wave[:, 1:]),
        ...     epochs=5, progress=False,
        ... )
        >>> history.train_loss[-1] < history.train_loss[0]
        True
    """
    options = _Options(
        epochs=check_count("epochs", epochs),
        batch_size=check_count("batch_size", batch_size),
        drop_last=check_flag("drop_last", drop_last),
        patience=None if patience is None else check_count("patience", patience),
        learning_rate=learning_rate,
        schedule=schedule,
        max_gradient_norm=max_gradient_norm,
        seed=check_seed(seed),
    )
    check_positive("learning_rate", learning_rate)
    check_choice("schedule", schedule, SCHEDULES)
    if max_gradient_norm is not None:
        check_positive("max_gradient_norm", max_gradient_norm)
    if check_flag("resume", resume) and checkpoint is None:
        raise OptionError("needs a checkpoint to go on from", "resume")
    if checkpoint is not None:
        check_place(checkpoint)
    if patience is not None and valid is None:
        raise OptionError("needs validation windows to find a better epoch on", "patience")
    _check_functions(loss=loss, selection=selection, optimizer=optimizer, callback=callback,
                     interrupted=interrupted)  # fmt: skip
    if not any(each.requires_grad for each in network.parameters()):
        raise OptionError("has no parameter that is trained", "network")
    _check_windows("train", train)
    if valid is not None:
        _check_windows("valid", valid)
    if drop_last and len(train) < batch_size:
        raise DomainError(f"leaves out all {len(train)} windows of the only minibatch", "drop_last")

    chosen = loss or (cross_entropy if train.are_classes else squared_error)
    course = _Course(
        network,
        optimizer(network.parameters(), lr=learning_rate),
        options,
        chosen,
        selection or chosen,
        interrupted or (lambda: False),
    )
    settings = options.fixed() | {
        "loss": _name(chosen),
        "selection": _name(selection or chosen),
        "optimizer": _described(course.optimizer),
        "network": _fingerprint(network),
        "data": _digest(train, valid),
    }
    parallel.align(network)
    if resume and checkpoint is not None:
        found = parallel.from_first(
            lambda: read(checkpoint, settings) if Path(checkpoint).exists() else None
        )
        if found is not None:
            course.restore(found, checkpoint)

    first = parallel.rank() == 0
    with tqdm(
        total=epochs,
        initial=course.history.epochs,
        disable=not (progress and first),
        unit="epoch",
    ) as bar:
        while not course.finished():
            try:
                course.epoch(train, valid)
            except _Interrupted:
                break
            if checkpoint is not None and first:
                write(checkpoint, settings=settings, **course.contents())
            bar.set_postfix(course.latest())
            bar.update()
            if callback is not None and callback(course.history):
                break
    network.load_state_dict(course.best)
    return course.history


class _Interrupted(Exception):
    """Raised inside an epoch that is to end."""


@dataclass(frozen=True)
class _Options:
    epochs: int
    batch_size: int
    drop_last: bool
    patience: Optional[int]
    learning_rate: float
    schedule: str
    max_gradient_norm: Optional[float]
    seed: int

    def fixed(self) -> dict[str, Any]:
        """What a resumed training must have in common with the interrupted one.

        More epochs, or more patience, only continue a training whose learning rate is constant.
        """
        settings = {
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "learning_rate": float(self.learning_rate),
            "schedule": self.schedule,
            "max_gradient_norm": self.max_gradient_norm,
            "seed": self.seed,
        }
        return settings if self.schedule == "constant" else {**settings, "epochs": self.epochs}


class _Course:
    """A training between two epochs: everything that changes from one to the next."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        options: _Options,
        loss: Loss,
        selection: Loss,
        interrupted: Callable[[], bool],
    ):
        self.network = network
        self.optimizer = optimizer
        self.options = options
        self.loss = loss
        self.selection = selection
        self.interrupted = interrupted
        self.history = History()
        self.best = _copy(network.state_dict())

    def finished(self) -> bool:
        done, best = self.history.epochs, self.history.best_epoch
        patience = self.options.patience
        return done >= self.options.epochs or (patience is not None and done - best >= patience)

    def epoch(self, train: Windows, valid: Optional[Windows]) -> None:
        """All minibatches once, then the validation loss."""
        done = self.history.epochs
        factor = SCHEDULES[self.options.schedule](done / self.options.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * factor
        # Randomness is drawn from the seed and the epoch's number alone, so a resumed training
        # needs no generator's state to draw the same.
        with _seeded(self.options.seed, done, self._like().device):
            train_loss = self._minibatches(train)
        valid_loss = None
        if valid is not None:
            valid_loss = mean_loss(self.network, valid, self.selection, self.options.batch_size)
            self._check_finite(valid_loss)
        if self.history.add(train_loss, valid_loss):
            self.best = _copy(self.network.state_dict())

    def latest(self) -> dict[str, str]:
        """What the progress bar shows."""
        shown = {"train": f"{self.history.train_loss[-1]:.4g}"}
        if self.history.valid_loss:
            shown["valid"] = f"{self.history.valid_loss[-1]:.4g}"
        return {**shown, "best epoch": str(self.history.best_epoch)}

    def contents(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "network": self.network.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history.to_dict(),
        }

    def restore(self, found: Mapping[str, Any], path: PathOrName) -> None:
        """Takes over what :meth:`contents` gave."""
        try:
            self.network.load_state_dict(found["best"])
            self.network.load_state_dict(found["network"])
            self.optimizer.load_state_dict(found["optimizer"])
            self.history = History.from_dict(found["history"])
        except (
            LiquidError,
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelFileError(f"does not fit this network: {reason}", str(path)) from None
        self.best = found["best"]

    def _minibatches(self, train: Windows) -> float:
        options = self.options
        order = torch.randperm(len(train))
        if options.drop_last:
            order = order[: len(order) // options.batch_size * options.batch_size]
        like = self._like()
        if parallel.rank() > 0:
            # The order is the same in every process; what dropout drops is not.
            torch.manual_seed(torch.initial_seed() + parallel.rank())
        total, weight = 0.0, 0
        self.network.train()
        for chosen in torch.split(order, options.batch_size):
            count = known(train.targets[chosen])
            self.optimizer.zero_grad()
            own = parallel.share(chosen)
            value = self._backward(train[own].to(like), count) if len(own) else 0.0
            value = parallel.add_gradients(self.network.parameters(), value)
            self._check_finite(value)
            if options.max_gradient_norm is not None:
                nn.utils.clip_grad_norm_(self.network.parameters(), options.max_gradient_norm)
            self.optimizer.step()
            total, weight = total + value * count, weight + count
            if self.interrupted():
                raise _Interrupted
        return total / max(weight, 1)

    def _backward(self, batch: Windows, count: int) -> float:
        """This process's part of the loss over ``count`` known targets, and its gradients."""
        own = known(batch.targets)
        if own < count and own == 0:
            return 0.0
        loss = self.loss(run(self.network, batch), batch.targets)
        if own < count:
            loss = loss * (own / count)
        if not (isinstance(loss, Tensor) and loss.numel() == 1):
            raise DtypeError("expected a function that returns one number as a tensor", "loss")
        value = float(loss.detach())
        if math.isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
        return value

    def _like(self) -> Tensor:
        return next(self.network.parameters())

    def _check_finite(self, value: float) -> None:
        if not math.isfinite(value):
            raise DomainError(
                f"became {value} in epoch {self.history.epochs + 1}; lower the learning rate, or "
                "scale the data",
                "loss",
            )


@contextmanager
def _seeded(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Torch's random state set from two numbers, and afterwards as it was."""
    drawn = np.random.SeedSequence([seed, epoch]).generate_state(1)[0]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(drawn))
        yield


def _copy(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in state.items()}


def _check_windows(name: str, part: object) -> None:
    if not isinstance(part, Windows):
        raise DtypeError(f"expected Windows, got {type(part).__name__}", name)
    if known(part.targets) == 0:
        raise DataError("no target of these windows is known", name)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


def _digest(*parts: Optional[Windows]) -> int:
    """A fingerprint of the data, to refuse going on with other data."""
    digest = 0
    for part in parts:
        if part is not None:
            for value in (part.inputs, part.targets, part.elapsed_time, part.mask):
                there = b"" if value is None else value.detach().cpu().numpy().tobytes()
                digest = crc32(there, digest)
    return digest


def _described(optimizer: torch.optim.Optimizer) -> str:
    """With its options but for the learning rate, which is a setting of its own."""
    options = {name: value for name, value in optimizer.defaults.items() if name != "lr"}
    return f"{type(optimizer).__name__} {sorted(options.items())}"


def _fingerprint(network: nn.Module) -> int:
    """Of what a state dict does not tell of a liquid network: its options and its wirings."""
    if not isinstance(network, LiquidNetwork):
        return 0
    wirings = [neuron.dynamics.wiring_digest() for _, neuron in network.populations()]
    return crc32(repr((network.config(), wirings)).encode())


def _check_functions(**given: Optional[Callable[..., Any]]) -> None:
    for name, function in given.items():
        if not (function is None or callable(function)):
            raise DtypeError(f"expected a function, got {type(function).__name__}", name)
