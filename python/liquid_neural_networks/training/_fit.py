"""``fit``: epochs of minibatches, early stopping, checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional, Union

import torch
from torch import nn
from tqdm.auto import tqdm

from .._checks import check_choice, check_flag
from .._files import PathOrName
from .._hints import explains_keywords
from .._progress import seen
from ..data import Windows
from ..errors import DataError, DomainError, DtypeError, OptionError
from . import _fingerprint as fingerprint
from . import _parallel as parallel
from ._as_windows import Data, as_windows
from ._batches import Batches, known
from ._checkpoint import check_place, read, write
from ._course import Course, Interrupted
from ._device import check_device
from ._history import History
from ._losses import LOSSES, Loss, cross_entropy
from ._optimizer import OptimizerFactory, adam
from ._options import Options

Callback = Callable[[History], Optional[bool]]
"""What a training calls after every epoch; it goes on unless the answer is true."""


@explains_keywords
def fit(
    network: nn.Module,
    train: Data,
    valid: Optional[Data] = None,
    *,
    epochs: int = 100,
    batch_size: int = 16,
    learning_rate: float = 0.01,
    loss: Union[str, Loss, None] = None,
    selection: Optional[Loss] = None,
    optimizer: Optional[OptimizerFactory] = None,
    schedule: str = "constant",
    max_gradient_norm: Optional[float] = None,
    patience: Optional[int] = None,
    checkpoint: Optional[PathOrName] = None,
    resume: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    device: Union[str, torch.device, None] = None,
    progress: bool = True,
    callback: Optional[Callback] = None,
    interrupted: Optional[Callable[[], bool]] = None,
) -> History:
    """Trains a network on windows; afterwards it has the weights of the best epoch.

    That is so also when an error ends the training, or Ctrl-C.

    The same call on the same data gives the same weights, whatever runs in other threads. A
    :class:`~liquid_neural_networks.LiquidNetwork` draws from random generators of the training's
    own. Other modules and functions may draw from torch's global random state: it is seeded for
    every epoch and then put back, and such trainings in several threads take turns, epoch by
    epoch.

    With ``checkpoint``, an interrupted training (Ctrl-C, a crash, a power cut) goes on with
    ``resume=True`` and ends with exactly the weights it would have had.

    In a ``torch.distributed`` process group (see :func:`data_parallel`) every process gets the
    same call, computes its share of each minibatch, and ends with the same weights: those of one
    process, but for rounding. The first one writes the checkpoint and shows the progress.

    Args:
        network: a :class:`~liquid_neural_networks.LiquidNetwork`, or any module called like
            one: with inputs, and ``elapsed_time=`` and ``mask=`` if the windows have them.
        train: windows to learn from, shuffled anew every epoch. Also a tuple (inputs, targets)
            of tensors or arrays, a ``Dataset`` of such tuples, or a ``DataLoader``, which is read
            once: the batches are those of ``batch_size``.
        valid: likewise, windows that choose the best epoch. Default: none, the last epoch is the
            best; its last minibatch is then measured once more, to see that the network still
            works.
        epochs: how often all windows are seen, at most.
        batch_size: windows per optimiser step, of all processes together.
        learning_rate: of the optimiser.
        loss: ``(outputs, targets) -> mean loss``, such as a :class:`PinballLoss`; or the name
            of one of value targets: ``"mse"``, ``"mae"`` or ``"huber"``. Default: mean squared
            error for value targets, cross-entropy for classes, all over the targets known.
        selection: what chooses the best epoch, called like ``loss`` on the validation windows
            and better when lower, such as a rate of errors. Default: the loss.
        optimizer: made by ``optimizer(network.parameters(), lr=learning_rate)``; use
            ``functools.partial`` for further options. Default: ``torch.optim.Adam``, with
            ``fused=True`` where torch can do that.
        schedule: of the learning rate: ``"constant"``, or ``"cosine"``, which falls to 0.
        max_gradient_norm: scale the gradient down to this length, over all parameters, where it
            is longer: steadier where losses are steep. Default: never.
        patience: stop after so many epochs without a better one in validation. Default: never.
        checkpoint: file written after every epoch, atomically. Default: none.
        resume: go on from the checkpoint, if there is one yet; without, it is overwritten.
        drop_last: leave out the last minibatch of an epoch if it is not full.
        seed: of the shuffling and of dropout.
        device: where to train, such as ``"cuda"``; the network is moved there and stays. Default:
            where it is.
        progress: a progress bar on standard error, if that is a terminal or a notebook.
        callback: called after every epoch with the history so far; training ends when it
            returns true.
        interrupted: asked after every minibatch; when it says true, training ends there, and
            the epoch under way does not count.

    Returns:
        The course of the losses, and which epoch was best.

    Raises:
        DivergenceError: the loss or a parameter became NaN or infinite; the network has the
            weights of the best epoch before.
        DomainError: a number is out of range.
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
    options = Options(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        max_gradient_norm=max_gradient_norm,
        patience=patience,
        drop_last=drop_last,
        seed=seed,
    )
    _check_checkpoint(checkpoint, resume)
    _check_functions(selection=selection, optimizer=optimizer, callback=callback,
                     interrupted=interrupted)  # fmt: skip
    train = as_windows(train, "train")
    valid = None if valid is None else as_windows(valid, "valid")
    _check_parts(network, train, valid, options)
    if device is not None:
        network.to(check_device(device))
    parallel.align(network)
    chosen = _loss(loss, train)
    course = Course(
        network,
        (optimizer or adam)(network.parameters(), lr=learning_rate),
        options,
        Batches(train, network),
        None if valid is None else Batches(valid, network),
        chosen,
        selection or chosen,
        interrupted or (lambda: False),
    )
    try:
        settings: dict[str, Any] = {}
        if checkpoint is not None:
            settings = _settings(course, train, valid)
            if resume:
                _go_on(course, checkpoint, settings)
        _run(course, checkpoint, settings, progress, callback)
    finally:
        course.put_back_best()
    return course.history


def _run(
    course: Course,
    checkpoint: Optional[PathOrName],
    settings: dict[str, Any],
    progress: bool,
    callback: Optional[Callback],
) -> None:
    """The epochs that are left."""
    first = parallel.rank() == 0
    with tqdm(
        total=course.options.epochs,
        initial=course.history.epochs,
        disable=not (progress and first and seen()),
        unit="epoch",
    ) as bar:
        while not course.finished():
            try:
                course.epoch()
            except Interrupted:
                break
            if checkpoint is not None and first:
                write(checkpoint, settings=settings, **course.contents())
            bar.set_postfix(course.latest())
            bar.update()
            if callback is not None and callback(course.history):
                break


def _loss(given: Union[str, Loss, None], train: Windows) -> Loss:
    """The loss asked for, or the usual one."""
    if given is None:
        return cross_entropy if train.are_classes else LOSSES["mse"]
    if not isinstance(given, str):
        _check_functions(loss=given)
        return given
    check_choice("loss", given, LOSSES)
    if train.are_classes:
        raise OptionError(f"{given} is of value targets, these are classes", "loss")
    return LOSSES[given]


def _settings(course: Course, train: Windows, valid: Optional[Windows]) -> dict[str, Any]:
    """What a checkpoint must have in common with the training that goes on from it."""
    return course.options.fixed() | {
        "loss": fingerprint.of_function(course.loss),
        "selection": fingerprint.of_function(course.selection),
        "optimizer": fingerprint.of_optimizer(course.optimizer),
        "network": fingerprint.of_network(course.network),
        "data": fingerprint.of_data(train, valid),
    }


def _go_on(course: Course, checkpoint: PathOrName, settings: dict[str, Any]) -> None:
    """Goes on from the checkpoint, if there is one yet."""
    found = parallel.from_first(
        lambda: read(checkpoint, settings) if Path(checkpoint).exists() else None
    )
    if found is not None:
        course.restore(found, checkpoint)


def _check_checkpoint(checkpoint: Optional[PathOrName], resume: bool) -> None:
    if check_flag("resume", resume) and checkpoint is None:
        raise OptionError("needs a checkpoint to go on from", "resume")
    if checkpoint is not None:
        check_place(checkpoint)


def _check_functions(**given: Optional[Callable[..., Any]]) -> None:
    for name, function in given.items():
        if not (function is None or callable(function)):
            raise DtypeError(f"expected a function, got {type(function).__name__}", name)


def _check_parts(
    network: nn.Module, train: Windows, valid: Optional[Windows], options: Options
) -> None:
    """That there is something to train, to train it on, and to tell its best epoch by."""
    if not any(each.requires_grad for each in network.parameters()):
        raise OptionError("has no parameter that is trained", "network")
    for name, part in (("train", train), ("valid", valid)):
        if part is not None and not bool(known(part.targets).any()):
            raise DataError("no target of these windows is known", name)
    if options.patience is not None and valid is None:
        raise OptionError("needs validation windows to find a better epoch on", "patience")
    if options.drop_last and len(train) < options.batch_size:
        raise DomainError(f"leaves out all {len(train)} windows of the only minibatch", "drop_last")
