"""Trainings on threads of their own, whose epochs a caller collects one at a time.

Between two epochs a training waits and holds nothing: the caller may do meanwhile whatever it
likes, on any of its threads, and run other trainings too.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from queue import SimpleQueue
from typing import Any, Callable

from ..training import History
from ._calls import Plain, guarded, held, hold, let_go


def _nothing() -> None:
    pass


Run = Callable[[], Callable[[], Plain]]
"""Trains, and returns what gives the result: its handles are made only if somebody asks."""


class Watch:
    """What looks on while a network is trained: the callbacks of :func:`training.fit`.

    Args:
        stop: address of a byte; training ends at the next minibatch when it is not 0.
        better: called when an epoch was the best so far.
    """

    def __init__(self, stop: int, better: Callable[[], None] = _nothing):
        self.flag = ctypes.c_ubyte.from_address(stop)
        self.better = better
        self.ended = "finished"
        self.abandoned = False
        self.seen: SimpleQueue[Callable[[], Plain]] = SimpleQueue()
        self.answers: SimpleQueue[bool] = SimpleQueue()

    def epoch(self, history: History) -> bool:
        """The ``callback``: shows an epoch, and waits for whether to stop after it."""
        if history.best_epoch == history.epochs:
            self.better()
        valid = history.valid_loss[-1] if history.valid_loss else None
        shown = {
            "epoch": history.epochs,
            "train_loss": history.train_loss[-1],
            "valid_loss": valid,
            "best_epoch": history.best_epoch,
        }
        self.seen.put(lambda: {"epoch": shown})
        stop = self.answers.get()
        if stop:
            self.ended = "callback"
        return stop

    def interrupted(self) -> bool:
        """What :func:`training.fit` asks after every minibatch."""
        if self.abandoned:  # and the memory of the flag may be gone
            return True
        if self.flag.value:
            self.ended = "stopped"
        return bool(self.flag.value)

    def abandon(self) -> None:
        """Ends the training: nobody collects its epochs any more."""
        self.abandoned = True
        self.answers.put(True)

    def course(self, history: History) -> Plain:
        """The history as plain data, with why the training ended."""
        return {
            **history.to_dict(),
            "epochs": history.epochs,
            "best_loss": history.best_loss if history.best_epoch else None,
            "ended": self.ended,
        }


class Training:
    """A training that ``run`` does under this watch, started on a thread of its own.

    It ends at the next minibatch once this object is gone, that is, when its handle is released.
    """

    def __init__(self, watch: Watch, run: Run):
        self.watch = watch
        self.waits = False
        # The thread must not know this object, which would then live as long as the training.
        finish = threading.Thread(
            target=_finish, args=(watch, run), name="lnn-training", daemon=True
        )
        finish.start()
        weakref.finalize(self, watch.abandon).atexit = False

    def next(self, stop: bool) -> Plain:
        """The next epoch, or the result; waits for it.

        Args:
            stop: whether to end after the epoch shown last.
        """
        if self.waits:
            self.watch.answers.put(stop)
        shown = self.watch.seen.get()()
        self.waits = "epoch" in shown
        return shown


def _finish(watch: Watch, run: Run) -> None:
    try:
        result = run()
        watch.seen.put(lambda: {"result": result()})
    except BaseException as error:
        watch.seen.put(_raising(error))


def _raising(error: BaseException) -> Callable[[], Plain]:
    def again() -> Plain:
        raise error

    return again


def started(watch: Watch, run: Run) -> int:
    """The handle of a training that has begun."""
    return hold(Training(watch, run))


@guarded
def next_epoch(handle: int, stop: bool = False) -> Plain:
    """What comes next in a training: ``{"epoch": losses}``, or ``{"result": what it gave}``.

    Args:
        handle: as :func:`train` or :func:`fit_table` returned it; it is let go of at the end.
            Released before, the training ends at its next minibatch.
        stop: whether to end after the epoch shown last.

    Raises:
        Whatever ended the training.
    """
    training = held(handle, Training)
    shown: dict[str, Any] = {}
    try:
        shown = training.next(stop)
    finally:
        if "epoch" not in shown:
            let_go([handle])
    return shown
