"""The core for callers in the same process that are not Python, such as the Clojure library.

Plain data in, plain data out: numbers, strings, lists and dicts, with networks and sessions as
numbers (handles), and arrays as the address, shape and dtype of memory the caller can reach.
No function raises; each returns ``{"ok": result}`` or ``{"error": {"type", "message",
"argument", "traceback"}}``. :func:`call` has all of them by name, with text for plain data, and
:func:`entry` the address of a C function that does the same.
"""

from ._arrays import release
from ._conformance import conformance
from ._epochs import next_epoch
from ._export import export_forecaster, export_network
from ._inspection import ablate, attribute, fixed_points, formula, rules
from ._learner import (
    learner_about,
    learner_assume,
    learner_commit,
    learner_learn,
    learner_lookahead,
    learner_restore,
    learner_snapshot,
    open_guarded,
    open_learner,
    teacher,
)
from ._network import (
    create_network,
    describe,
    draw,
    forward,
    load_network,
    parameters,
    save,
    set_parameters,
    set_threads,
    trace,
    version,
    wiring,
)
from ._stream import (
    keep_thread,
    last_error,
    open_stream,
    stepper,
    stream_reset,
    stream_state,
    stream_step,
)
from ._tables import (
    evaluate_forecaster,
    fit_table,
    forecast,
    load_forecaster,
    read_table,
    save_forecaster,
)
from ._tasks import task_windows
from ._text import call, entry
from ._training import evaluate, predict, train

__all__ = [
    "ablate",
    "attribute",
    "call",
    "conformance",
    "create_network",
    "describe",
    "draw",
    "entry",
    "evaluate",
    "evaluate_forecaster",
    "export_forecaster",
    "export_network",
    "fit_table",
    "fixed_points",
    "forecast",
    "formula",
    "forward",
    "keep_thread",
    "last_error",
    "learner_about",
    "learner_assume",
    "learner_commit",
    "learner_learn",
    "learner_lookahead",
    "learner_restore",
    "learner_snapshot",
    "load_forecaster",
    "load_network",
    "next_epoch",
    "open_guarded",
    "open_learner",
    "open_stream",
    "parameters",
    "predict",
    "read_table",
    "release",
    "rules",
    "save",
    "save_forecaster",
    "set_parameters",
    "set_threads",
    "stepper",
    "stream_reset",
    "stream_state",
    "stream_step",
    "task_windows",
    "teacher",
    "trace",
    "train",
    "version",
    "wiring",
]
