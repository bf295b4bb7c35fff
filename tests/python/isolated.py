"""Runs a function in a process of its own, so that a crash is a failed test and not the end."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from multiprocessing.connection import Connection
from typing import Any, Callable

import torch

_SECONDS = 30


def isolated(function: Callable[..., Any], *arguments: Any) -> Any:
    """What ``function(*arguments)`` returned in a forked process.

    Raises:
        AssertionError: it raised, crashed or hung there; the message says what happened.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        if not ours.poll(_SECONDS):
            raise AssertionError(f"no answer within {_SECONDS} s")
        failed, outcome = ours.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        raise AssertionError(f"the process died: {how}") from None
    finally:
        process.kill()
        process.join()
    if failed:
        raise AssertionError(outcome)
    return outcome


def _child(answer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    # The pool of threads that the parent had does not exist here.
    torch.set_num_threads(1)
    try:
        answer.send((False, function(*arguments)))
    except BaseException:
        answer.send((True, traceback.format_exc()))
