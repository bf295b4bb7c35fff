"""``Course``: the epochs of a training, one after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Callable, Optional

import torch
from torch import Tensor, nn

from .._files import PathOrName
from ..errors import DtypeError, LiquidError, ModelFileError
from . import _parallel as parallel
from ._batches import Batches
from ._divergence import DivergenceError
from ._history import History
from ._losses import Loss
from ._options import Options
from ._predict import mean_loss, run
from ._randomness import may_draw, shuffled


class Interrupted(Exception):
    """Raised inside an epoch that is to end."""


class Course:
    """A training between two epochs: everything that changes from one to the next.

    Args:
        train, valid: to learn from, and to choose the best epoch.
        loss, selection, interrupted: as :func:`fit` takes them.

    Attributes:
        history: of the epochs so far.
        best: the network's state dict after the best of them; before the first one, as it came.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        options: Options,
        train: Batches,
        valid: Optional[Batches],
        loss: Loss,
        selection: Loss,
        interrupted: Callable[[], bool],
    ):
        self.network, self.optimizer, self.options = network, optimizer, options
        self.train, self.valid = train, valid
        self.loss, self.selection, self.interrupted = loss, selection, interrupted
        self.history = History()
        self.best = _copy(network.state_dict())
        self._parameters = list(network.parameters())
        self._shared_randomness = may_draw(network, loss, optimizer)

    def finished(self) -> bool:
        """Whether no epoch is left, or patience is at its end."""
        done, best = self.history.epochs, self.history.best_epoch
        patience = self.options.patience
        return done >= self.options.epochs or (patience is not None and done - best >= patience)

    def epoch(self) -> None:
        """Every minibatch once, then the validation loss.

        Raises:
            Interrupted: it was asked for; the epoch does not count.
            DivergenceError: likewise, for the loss or a parameter is no longer finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate(self.history.epochs)
        size, device = self.options.batch_size, self._parameters[0].device
        with shuffled(
            len(self.train), self.options.seed, self.history.epochs, device, self._shared_randomness
        ) as order:
            if self.options.drop_last:
                order = order[: len(order) // size * size]
            train_loss = self._minibatches(order)
            self._check_parameters()
            valid_loss = self._validation(order)
        if self.history.add(train_loss, valid_loss):
            self.best = _copy(self.network.state_dict())

    def put_back_best(self) -> None:
        """Gives the network the weights of the best epoch."""
        self.network.load_state_dict(self.best)

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
        """Goes on from what :meth:`contents` gave.

        Raises:
            ModelFileError: it is of another network.
        """
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

    def _minibatches(self, order: Tensor) -> float:
        """A step of the optimiser for each minibatch; the mean of their losses."""
        total, weight, size = 0.0, 0, self.options.batch_size
        self.network.train()
        for chosen, count in zip(torch.split(order, size), self.train.counts(order, size)):
            total += self._step(chosen, count) * count
            weight += count
            if self.interrupted():
                raise Interrupted
        return total / max(weight, 1)

    def _step(self, chosen: Tensor, count: int) -> float:
        """One step of the optimiser; the loss before it over ``count`` known targets."""
        self.optimizer.zero_grad()
        value = parallel.add_gradients(self._parameters, self._backward(chosen, count))
        self._check_loss(value)
        if self.options.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.options.max_gradient_norm)
        self.optimizer.step()
        return value

    def _backward(self, chosen: Tensor, count: int) -> float:
        """This process's part of that loss, and its gradients."""
        share = count
        if parallel.together():
            chosen = parallel.share(chosen)
            share = sum(self.train.counts(chosen, self.options.batch_size))
            if share == 0 and (count > 0 or len(chosen) == 0):
                return 0.0
        batch = self.train.batch(chosen)
        loss = self.loss(run(self.network, batch), batch.targets)
        if not (isinstance(loss, Tensor) and loss.numel() == 1):
            raise DtypeError("expected a function that returns one number as a tensor", "loss")
        if share < count:
            loss = loss * (share / count)
        value = float(loss.item())
        if math.isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
        return value

    def _validation(self, order: Tensor) -> Optional[float]:
        """The validation loss after an epoch, if there is a validation part.

        Otherwise the last minibatch of the epoch's ``order`` is measured once more, which tells
        that the network still works after the last step.
        """
        size = self.options.batch_size
        if self.valid is not None:
            value = mean_loss(self.network, self.valid, self.selection, size)
            self._check_loss(value)
            return value
        last = torch.split(order, size)[-1]
        self._check_loss(mean_loss(self.network, self.train, self.loss, size, last))
        return None

    def _check_loss(self, value: float) -> None:
        if not math.isfinite(value):
            raise self._divergence(f"became {value}", "loss")

    @torch.no_grad()
    def _check_parameters(self) -> None:
        # A sum is quick, and finite only if every number is; it may overflow, though.
        if all(math.isfinite(each.sum().item()) for each in self._parameters):
            return
        for name, parameter in self.network.named_parameters():
            if not bool(parameter.isfinite().all()):
                raise self._divergence("became infinite or NaN", name)

    def _divergence(self, what: str, name: str) -> DivergenceError:
        best = self.history.best_epoch
        return DivergenceError(
            f"{what} in epoch {self.history.epochs + 1}; the network has the weights "
            f"{f'of epoch {best}' if best else 'it came with'}. Lower the learning rate, or "
            "scale the data",
            name,
            self.history,
        )


def _copy(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.detach().clone() if isinstance(value, Tensor) else deepcopy(value)
        for name, value in state.items()
    }
