"""Learners by handle: streams that learn, with the functions of streams and those below."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from math import nan
from typing import Any, Optional, Union, cast

import numpy as np

from ..errors import DomainError
from ..network import LiquidNetwork
from ..online import Guarded, Learner
from ._arrays import Array, Given, array_description, view
from ._calls import Plain, guarded, held, hold
from ._stream import Session, c_function


@guarded
def open_learner(
    handle: int,
    sample: Mapping[str, Any],
    outputs: Mapping[str, Any],
    options: Optional[Mapping[str, Any]] = None,
) -> int:
    """A learner of a network, see :meth:`LiquidNetwork.learner`; memory as for
    :func:`open_stream`, whose functions take this handle too."""
    learner = held(handle, LiquidNetwork).learner(**(options or {}))
    return hold(Session(learner, view(sample), view(outputs)))


@guarded
def open_guarded(
    handle: int,
    sample: Mapping[str, Any],
    outputs: Mapping[str, Any],
    options: Optional[Mapping[str, Any]] = None,
) -> int:
    """A learner of a network under guard, see :class:`~liquid_neural_networks.online.Guarded`;
    the rest as for :func:`open_learner`.

    Among the options ``learner`` may hold those of the learner within; ``skip`` may be ``"none"``.
    """
    given = dict(options or {})
    learner = held(handle, LiquidNetwork).learner(**given.pop("learner", {}))
    if given.get("skip") == "none":
        given["skip"] = None
    return hold(Session(Guarded(learner, **given), view(sample), view(outputs)))


@guarded
def learner_learn(handle: int, target: Given, delay: int = 0) -> Optional[float]:
    """The loss of an output, by which the weights have moved; None if they have not."""
    known: Any = target
    if isinstance(target, dict):
        known = np.array(view(target))
    return _learner(handle).learn(known, delay)


@guarded
def teacher(handle: int, lesson: Mapping[str, Any]) -> int:
    """Address of a C function that does what :func:`learner_learn` does, with nothing to cross.

    ``lesson`` describes memory for the target, a number for each output (of classes the first is
    the number of the class), the delay, and what comes back, the loss or NaN. Errors are as for
    :func:`stepper`.
    """
    session, opened = held(handle, Session), _learner(handle)
    learner = opened.learner if isinstance(opened, Guarded) else opened
    one = learner.output_size == 1 or learner.options["loss"] == "cross_entropy"
    memory = view(lesson)
    numbers: Any = memoryview(cast(Any, memory))
    learn, targets = opened.learn, memory[:-2]

    def teach() -> int:
        try:
            target: Any = numbers[0] if one else targets.copy()
            loss = learn(target, int(numbers[-2]))
            numbers[-1] = nan if loss is None else loss
        except BaseException as error:
            session.error = error
            return 1
        return 0

    return c_function(session, teach)


@guarded
def learner_lookahead(handle: int, begin: bool) -> None:
    """Begins to look ahead, or ends it, as :meth:`Learner.lookahead`."""
    session = held(handle, Session)
    if begin:
        ahead = _learner(handle).lookahead()
        ahead.__enter__()
        session.ahead.append(ahead)
    elif session.ahead:
        session.ahead.pop().__exit__(None, None, None)


@guarded
def learner_assume(handle: int, target: Given) -> None:
    """While looking ahead under guard: takes a target as come true."""
    opened = _learner(handle)
    if not isinstance(opened, Guarded):
        raise DomainError("expected a guarded learner", "live")
    known: Any = np.array(view(target)) if isinstance(target, dict) else target
    opened.assume(known)


@guarded
def learner_about(handle: int) -> Plain:
    """Which method it uses and why, how many samples came and how often it learned, and what it
    did on its own; under guard also its share of an output, the errors, and their bound."""
    opened = _learner(handle)
    learner = opened.learner if isinstance(opened, Guarded) else opened
    return {
        "method": learner.method,
        "reason": learner.reason,
        "samples": learner.samples,
        "updates": learner.updates,
        "events": [each._asdict() for each in learner.events],
        **(_guard(opened) if isinstance(opened, Guarded) else {}),
    }


def _guard(opened: Guarded) -> Plain:
    return {"share": opened.share, "scores": opened.scores._asdict(), "bound": opened.bound}


@guarded
def learner_commit(handle: int) -> None:
    """Writes the weights into the network that the learner was made from."""
    _learner(handle).commit()


@guarded
def learner_snapshot(handle: int) -> Plain:
    """All it needs to go on, as bytes."""
    found: Array = np.frombuffer(_learner(handle).snapshot(), dtype=np.uint8)
    return array_description(found)


@guarded
def learner_restore(handle: int, snapshot: str) -> None:
    """Goes on from a snapshot, given in base 64."""
    _learner(handle).restore(b64decode(snapshot))


def _learner(handle: int) -> Union[Learner, Guarded]:
    learner = held(handle, Session).stream
    if not isinstance(learner, (Learner, Guarded)):
        raise DomainError("expected a learner, got a stream", "live")
    return learner
