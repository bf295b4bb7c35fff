"""The page: one file with everything in it."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Optional, Union

from .._checks import check_flag, check_text, told
from .._files import PathOrName, check_writable, replace
from .._hints import explains_keywords
from ..data import Table
from ..errors import DtypeError, OptionError
from ..network import LiquidNetwork
from ..training import Forecaster
from ..training._predict import evaluation
from . import _facts as facts
from ._distrust import warnings_of
from ._explain import explain, parts_of
from ._lesions import lesions_of
from ._rest import rest_of
from ._subject import Subject, of_forecaster, of_network

ROWS = 200
"""Rows whose states are shown."""
FORECASTS = 600
"""Forecasts shown."""

_TEMPLATES = Path(__file__).parent / "templates"


@explains_keywords
def write(
    network: Union[LiquidNetwork, Forecaster],
    table: Table,
    path: PathOrName,
    *,
    time: Optional[str] = None,
    title: str = "A liquid neural network",
    progress: bool = True,
) -> None:
    """Writes a page about a network and what it does with a table.

    The page is one HTML file that needs nothing else: what the network is, how good beside simple
    forecasts, its newest forecasts, wiring, states, time constants, which inputs made the newest
    output, what each neuron is worth, where it comes to rest, and what to distrust. Of several
    layers and of both directions all neurons are shown. Of a table with several series the last
    one is shown.

    Args:
        network: trained by ``fit_table``, or any network whose inputs are the table's columns in
            their order.
        table: as ``fit_table`` takes it.
        path: of the page; an old one is replaced in one step.
        time: the column of times, of a table for a network that was not trained on one. Default:
            rows are one unit apart.
        title: of the page.
        progress: show a progress bar where somebody looks at it.

    Raises:
        DataError: the table cannot be read, or does not fit the network.
        DtypeError: ``network`` is neither, or the title is no text.
        OptionError: ``time`` is given for a network that knows it; or the solver is
            ``"adaptive"``, whose outputs have no exact parts.
        OSError: the system could not write the page.
    """
    check_writable(path)
    replace(path, page(data(network, table, time, title, progress)).encode())


def page(shown: facts.Plain) -> str:
    """The page of such data."""
    text = json.dumps(shown, separators=(",", ":"), allow_nan=False)
    parts = {
        "title": _escaped(shown["title"]),
        "style": (_TEMPLATES / "page.css").read_text("utf-8"),
        "script": (_TEMPLATES / "page.js").read_text("utf-8"),
        # JSON that may stand in a page.
        "data": text.replace("<", "\\u003c"),
    }
    return Template((_TEMPLATES / "page.html").read_text("utf-8")).substitute(parts)


def data(
    network: Union[LiquidNetwork, Forecaster],
    table: Table,
    time: Optional[str],
    title: str,
    progress: bool,
) -> facts.Plain:
    """What the page shows."""
    check_text("title", title)
    check_flag("progress", progress)
    if time is not None:
        check_text("time", time)
    if isinstance(network, Forecaster):
        if time is not None:
            raise OptionError("the table trained on says which column that is", "time")
        with evaluation(network.network):
            return _of_forecaster(network, table, title, progress)
    if not isinstance(network, LiquidNetwork):
        raise DtypeError(
            f"expected a LiquidNetwork or a Forecaster, got {told(network)}", "network"
        )
    with evaluation(network):
        return _of_network(of_network(network, table, time), title, progress)


def _of_network(subject: Subject, title: str, progress: bool) -> facts.Plain:
    newest = subject.newest(ROWS)
    parts = parts_of(subject, 0)
    told = facts.attribution(
        f"{subject.outputs[0]} at {subject.times[-1]}: {parts.total:.6g}. It would be "
        f"{parts.before:.6g} if all inputs were 0.",
        "the output's unit",
        parts,
    )
    made = newest.run()
    forecast = {
        "label": "outputs",
        "times": list(newest.times),
        "actual": None,
        "truth": None,
        "lines": [
            [name, facts.numbers(made[:, k])]
            for k, name in enumerate(subject.outputs[: facts.MOST_CURVES])
        ],
        "band": None,
    }
    return {
        **_common(newest, None, title, progress),
        "quality": None,
        "shows": "",
        "forecast": forecast,
        "attribution": told,
        "distrust": warnings_of(newest, None, None),
    }


def _of_forecaster(forecaster: Forecaster, table: Table, title: str, progress: bool) -> facts.Plain:
    columns = forecaster.columns
    read = columns.read(table)
    known = all(name in read.columns for name in columns.targets)
    recordings = columns.recordings(read, targets=known)
    starts = [0] * len(recordings)
    measured = known and forecaster.can_measure(recordings, starts)
    scores = forecaster.evaluate_recordings(recordings, starts) if measured else None
    recording = recordings[-1]
    subject = of_forecaster(forecaster, recording, len(recording.rows))
    newest = subject.newest(ROWS)
    found = explain(forecaster, read)
    return {
        **_common(newest, forecaster, title, progress),
        "quality": facts.quality(scores, forecaster),
        "forecast": facts.forecast(forecaster, recording.series, subject.times, FORECASTS),
        "shows": facts.shows(columns.group, recordings, scores is not None),
        "attribution": facts.attribution(
            " ".join(filter(None, [f"{found.question}: {found.answer}.", found.sure, found.start])),
            found.unit,
            found.parts,
        ),
        "distrust": warnings_of(newest, forecaster, scores),
    }


def _common(
    subject: Subject, forecaster: Optional[Forecaster], title: str, progress: bool
) -> facts.Plain:
    unit = "the score" if forecaster is not None and forecaster.outputs is None else "the output"
    return {
        "title": title,
        "about": facts.about(subject, forecaster),
        "names": list(subject.names),
        "neurons": list(subject.neurons),
        "outputs": list(subject.outputs),
        "wiring": facts.wiring_of(subject),
        "activity": facts.activity(subject),
        "lesions": facts.lesions(
            lesions_of(subject, progress), f"change of {unit} (root mean square)"
        ),
        "fixed": rest_of(subject),
    }


def _escaped(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
