"""The core for callers that are not Python: plain data in and out, arrays by address."""

from __future__ import annotations

import ctypes
import json
import threading
from math import sin
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import polars
import pytest
import torch

from liquid_neural_networks import LiquidNetwork, interop
from liquid_neural_networks.data import Windows
from liquid_neural_networks.interop import _arrays
from liquid_neural_networks.interop._text import edn
from liquid_neural_networks.online import Guarded
from liquid_neural_networks.training import History, evaluate, fit, fit_table, predict

OPTIONS = {"input_size": 2, "hidden_size": 5, "output_size": 1, "seed": 3}


def ok(answer: dict[str, Any]) -> Any:
    assert "error" not in answer, answer
    return answer["ok"]


def error(answer: dict[str, Any]) -> tuple[str, Optional[str]]:
    return answer["error"]["type"], answer["error"]["argument"]


KEPT: list[np.ndarray] = []
"""What was described: only addresses cross."""


def described(array: np.ndarray) -> dict[str, Any]:
    KEPT.append(array)
    return {
        "address": array.ctypes.data,
        "shape": array.shape,
        "dtype": array.dtype.str[1:],
    }


def read(description: dict[str, Any]) -> np.ndarray:
    dtype = np.dtype(description["dtype"])
    size = int(np.prod(description["shape"])) * dtype.itemsize
    memory = (ctypes.c_char * size).from_address(description["address"])
    values = np.frombuffer(memory, dtype).reshape(description["shape"]).copy()
    ok(interop.release([description["handle"]]))
    return values


@pytest.fixture
def handle() -> int:
    number: int = ok(interop.create_network(OPTIONS))["handle"]
    return number


def trained(start: dict[str, Any], seen: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The result of a training; it stops when ``seen`` returns True for an epoch."""
    handle, stop = ok(start), False
    while "result" not in (shown := ok(interop.next_epoch(handle, stop))):
        stop = seen(shown["epoch"]) is True
    result: dict[str, Any] = shown["result"]
    return result


def wave(windows: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array([[sin(0.3 * (t + 7 * w)) for t in range(17)] for w in range(windows)])
    inputs = np.stack([rows[:, :-1], rows[:, :-1] ** 2], axis=-1)
    return inputs, np.ascontiguousarray(rows[:, 1:, None])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_forward_is_that_of_the_network(handle: int, dtype: type) -> None:
    inputs = np.arange(12).reshape(2, 3, 2).astype(dtype)
    found = ok(interop.forward(handle, {"inputs": described(inputs)}, True))
    with torch.no_grad():
        outputs, state = LiquidNetwork(**OPTIONS)(
            torch.from_numpy(inputs).float(), return_state=True
        )
    assert np.array_equal(read(found["outputs"]), outputs.numpy())
    assert np.array_equal(read(found["state"]), state.numpy())


def test_nan_is_a_missing_value_unless_a_mask_says_otherwise(handle: int) -> None:
    inputs = np.array([[0.1, np.nan]])
    plain = {"inputs": described(inputs)}
    seen = LiquidNetwork(**OPTIONS)(torch.tensor([[0.1, 0.0]]), mask=[[True, False]])
    assert np.array_equal(read(ok(interop.forward(handle, plain))["outputs"]), seen.detach())
    mask = np.ones((1, 2))
    masked = {**plain, "mask": described(mask)}
    assert error(interop.forward(handle, masked)) == ("DomainError", "inputs")
    inputs[0, 0] = np.inf
    assert error(interop.forward(handle, plain)) == ("DomainError", "inputs")


def test_one_call_of_text_does_it_all(handle: int) -> None:
    other = ok(interop.create_network(OPTIONS))["handle"]
    entry = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)(interop.entry())
    inputs, memory = np.array([[0.1, 0.2]]), np.zeros(200, np.uint8)
    given = {"inputs": described(inputs)}

    def call(function: str, *arguments: Any, released: Any = (), size: int = 200) -> str:
        text = json.dumps([function, arguments, released]).encode()
        head = np.array([0, 0, 0, memory.ctypes.data, size], np.int64)
        request = np.frombuffer(head.tobytes() + text, np.uint8).copy()
        entry(request.ctypes.data, len(text))
        address, length, held, _, _ = (int(each) for each in request[:40].view(np.int64))
        assert (held == 0) == (memory.ctypes.data <= address < memory.ctypes.data + size)
        answer = ctypes.string_at(address, length).decode()
        ok(interop.release([held]))
        return answer

    answer = call("forward", handle, given, True, released=[other])
    assert '"handle"' not in answer and f'"address" {memory.ctypes.data} ' in answer
    outputs = memory[:4].view(np.float32).copy()
    assert np.array_equal(outputs, read(ok(interop.forward(handle, given))["outputs"])[0])
    assert '"DomainError"' in call("describe", other)
    assert '"handle"' in call("forward", handle, given, size=0)
    assert call("set_threads", 1) == '{"ok" null}'
    assert '"argument" "unfolds"' in call("create_network", {**OPTIONS, "unfolds": 0})


def test_text_is_that_of_clojure() -> None:
    value = {"a": [1, 2.5, None, True], '\u20ac "\n': (), "c": [float("nan"), float("-inf")]}
    assert edn(value) == '{"a" [1 2.5 null true] "\u20ac \\"\\n" [] "c" [NaN -Infinity]}'


def test_errors_are_data(handle: int) -> None:
    answer = interop.create_network({**OPTIONS, "unfolds": 0})
    assert error(answer) == ("DomainError", "unfolds")
    assert "Traceback" in answer["error"]["traceback"]
    assert error(interop.create_network({"hidden_size": 3})) == ("OptionError", "input_size")
    assert error(interop.create_network({**OPTIONS, "sise": 1}))[0] == "OptionError"
    ok(interop.release([handle]))
    assert error(interop.describe(handle)) == ("DomainError", "handle")
    assert error(interop.describe("no handle")) == ("DomainError", "handle")


def test_why_is_that_of_inspection(handle: int) -> None:
    inputs, base = np.array([[0.5, np.nan], [0.1, -0.4], [1.0, 2.0]]), np.array([0.1, 0.2])
    given = {"inputs": described(inputs), "baseline": described(base)}
    found = ok(interop.attribute(handle, given, 0, {"tolerance": 1e-9}))
    parts, output, baseline = (
        read(found[name]) for name in ("inputs", "output", "baseline_output")
    )
    assert parts.shape == (3, 2) and parts[0, 1] == 0 and found["memory"] is None
    assert float(parts.sum()) == pytest.approx(float(output - baseline), abs=1e-8)
    assert error(interop.attribute(handle, given, [0, 1])) == ("DomainError", "output")
    part = ok(interop.ablate(handle, [], [(0, 1)]))
    assert part["synapses"] == 24 and part["handle"] != handle
    assert error(interop.ablate(handle, [5])) == ("DomainError", "neurons")
    many = {"inputs": described(np.random.default_rng(0).normal(size=(6, 20, 2)))}
    grown = ok(interop.rules(handle, many, {"depth": 2, "names": ["level", "valve"]}))
    assert grown["leaves"] <= 4 and "level" in grown["names"] and "tree" not in grown
    summed = ok(interop.formula(handle, many, {"neuron": 1, "terms": 2}))
    assert len(summed["weights"]) == len(summed["asked"]) <= 2
    assert error(interop.formula(handle, many, {"terms": 0})) == ("DomainError", "terms")
    held = np.array([0.3, -0.2])
    points = ok(interop.fixed_points(handle, {"inputs": described(held)}, {"starts": 16}))
    assert points["kind"] == "flow" and any(points["stable"])
    assert np.abs(read(points["speeds"])).max() < 1e-10
    assert read(points["eigenvalues"]).shape == (len(points["stable"]), 5, 2)


def test_the_callers_memory_is_its_own_again(handle: int) -> None:
    inputs = np.ones((1, 2, 2))
    before = read(ok(interop.forward(handle, {"inputs": described(inputs)}))["outputs"])
    found = ok(interop.forward(handle, {"inputs": described(inputs)}))
    inputs[:] = 99
    assert np.array_equal(read(found["outputs"]), before)


def test_a_stream_reads_and_writes_shared_memory(handle: int) -> None:
    sample, outputs = np.array([0.5, -0.1, 0.0, np.nan]), np.zeros(1)
    stream = ok(interop.open_stream(handle, described(sample), described(outputs)))
    step = ctypes.CFUNCTYPE(ctypes.c_int)(ok(interop.stepper(stream)))
    live = LiquidNetwork(**OPTIONS).stream()
    for elapsed, constant in ((0.1, None), (0.5, None), (0.5, 0.7)):
        sample[2:] = elapsed, np.nan if constant is None else constant
        assert step() == 0
        assert np.array_equal(outputs, live.step(sample[:2], elapsed, constant))
        sample[:2] += 0.1
    ok(interop.stream_step(stream, 0.1, described(np.full(5, 0.3))))
    live.step(sample[:2], 0.1, torch.full((5,), 0.3, dtype=torch.float64))
    assert np.array_equal(read(ok(interop.stream_state(stream))), live.state)
    sample[2] = -1.0
    assert step() == 1
    assert error(interop.last_error(stream)) == ("DomainError", "elapsed_time")
    assert ok(interop.last_error(stream)) is None
    assert error(interop.stream_step(stream, -1.0)) == ("DomainError", "elapsed_time")


@pytest.mark.parametrize("under_guard", [False, True])
@pytest.mark.parametrize("through_memory", [False, True])
def test_a_learner_is_that_of_the_network(
    handle: int, under_guard: bool, through_memory: bool
) -> None:
    sample, outputs, lesson = np.zeros(4), np.zeros(1), np.zeros(3)
    options: dict[str, Any] = {"method": "exact", "learning_rate": 0.01, "max_delay": 1}
    live: Any = LiquidNetwork(**OPTIONS).learner(**options)
    if under_guard:
        live = Guarded(live, warm_up=3, skip=None)
        options = {"learner": options, "warm_up": 3, "skip": "none"}
    opened = interop.open_guarded if under_guard else interop.open_learner
    session = ok(opened(handle, described(sample), described(outputs), options))
    step = ctypes.CFUNCTYPE(ctypes.c_int)(ok(interop.stepper(session)))
    teach = ctypes.CFUNCTYPE(ctypes.c_int)(ok(interop.teacher(session, described(lesson))))

    def learned(target: float, delay: int) -> Optional[float]:
        if not through_memory:
            return ok(interop.learner_learn(session, target, delay))
        lesson[:2] = target, delay
        assert teach() == 0
        return None if np.isnan(lesson[2]) else lesson[2]

    for t in range(12):
        sample[:] = sin(t), sin(t / 2), 1.0, np.nan
        target = np.nan if t == 7 else sin(t + 1)
        assert step() == 0
        assert np.array_equal(outputs, live.step(sample[:2]))
        assert learned(target, t % 2) == live.learn(target, t % 2)
    about = ok(interop.learner_about(session))
    learner = live.learner if under_guard else live
    assert (about["method"], about["updates"]) == ("exact", learner.updates)
    if under_guard:
        assert (about["share"], about["bound"]) == (live.share, live.bound)
        assert about["scores"] == live.scores._asdict()
        ok(interop.learner_lookahead(session, True))
        ok(interop.stream_step(session, 1.0, 0.5))
        ok(interop.learner_assume(session, 5.0))
        ok(interop.stream_step(session, 1.0))
        ok(interop.learner_lookahead(session, False))
        assert step() == 0
        assert np.array_equal(outputs, live.step(sample[:2]))
    assert error(interop.learner_assume(session, 5.0))[0] == (
        "OptionError" if under_guard else "DomainError"
    )
    lesson[:2] = 0.1, 2
    assert teach() == 1
    assert error(interop.last_error(session)) == ("DomainError", "delay")


def test_a_thread_that_is_kept_goes_on_calling(handle: int) -> None:
    inputs = described(np.ones((1, 3, 2), dtype=np.float32))
    expected = read(ok(interop.forward(handle, {"inputs": inputs}))["outputs"])
    found = []

    def work() -> None:
        ok(interop.keep_thread())
        found.extend(ok(interop.forward(handle, {"inputs": inputs}))["outputs"] for _ in range(2))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert all(np.array_equal(read(each), expected) for each in found) and len(found) == 2


def test_parameters_go_out_and_in(handle: int) -> None:
    other = ok(interop.create_network({**OPTIONS, "seed": 4}))["handle"]
    values = {name: read(each) for name, each in ok(interop.parameters(handle)).items()}
    ok(interop.set_parameters(other, {name: described(each) for name, each in values.items()}))
    for name, each in ok(interop.parameters(other)).items():
        assert np.array_equal(read(each), values[name]), name
    broken = {"readout.bias": described(np.full(1, 7.0)), "neurons.0.g": described(-np.ones(5))}
    assert error(interop.set_parameters(other, broken))[0] == "DomainError"
    assert np.array_equal(
        read(ok(interop.parameters(other))["readout.bias"]), values["readout.bias"]
    )


def test_training_is_that_of_fit(handle: int, tmp_path) -> None:
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}
    seen: list[int] = []
    path = tmp_path / "best.lnn"
    history = trained(
        interop.train(
            handle,
            {"train": part},
            {"epochs": 3, "save_to": str(path)},
            ctypes.addressof(flag),
        ),
        lambda epoch: seen.append(epoch["epoch"]),
    )
    network = LiquidNetwork(**OPTIONS)
    expected = fit(
        network,
        Windows(torch.from_numpy(inputs), torch.from_numpy(targets)),
        epochs=3,
        progress=False,
    )
    assert history["train_loss"] == expected.train_loss
    assert seen == [1, 2, 3] and history["ended"] == "finished"
    saved = LiquidNetwork.load(path).state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in network.state_dict().items())


def test_predictions_and_scores_of_windows_are_those_of_training(handle: int) -> None:
    inputs, targets = wave()
    network = LiquidNetwork(**OPTIONS)
    windows = Windows(torch.from_numpy(inputs), torch.from_numpy(targets))
    found = read(ok(interop.predict(handle, {"inputs": described(inputs)})))
    assert np.array_equal(found, predict(network, windows).numpy())
    part = {"inputs": described(inputs), "targets": described(targets)}
    assert ok(interop.evaluate(handle, part)) == evaluate(network, windows)
    for function in (interop.predict, interop.evaluate):
        assert error(function(-1, part)) == ("DomainError", "handle")


def test_answers_lie_one_after_the_other_in_the_callers_memory() -> None:
    _arrays.answer_in(8, 1000)
    try:
        assert [_arrays.take_answer_memory(size) for size in (72, 1, 8, 913)] == [8, 80, 88, 0]
    finally:
        _arrays.answer_in(0, 0)


def test_targets_of_a_network_of_last_outputs_are_values_or_classes() -> None:
    """By their rank: one number a window, or one for each output."""
    number = ok(interop.create_network({**OPTIONS, "return_sequences": False}))["handle"]
    inputs, _ = wave()
    outputs = LiquidNetwork(**OPTIONS).output_size
    for targets, measure in ((np.zeros((12, outputs)), "mse"), (np.zeros(12), "accuracy")):
        part = {"inputs": described(inputs), "targets": described(targets)}
        assert measure in ok(interop.evaluate(number, part))


def test_elapsed_times_of_another_number_of_windows_are_refused(handle: int) -> None:
    """Those of one are not those of all."""
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}
    part["elapsed_time"] = described(np.ones((1, 16)))
    start = interop.train(handle, {"train": part}, {"epochs": 1}, ctypes.addressof(flag))
    assert error(start) == ("ShapeError", "elapsed_time")


def test_a_training_that_diverges_is_a_domain_error(handle: int) -> None:
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}
    options = {"epochs": 1, "learning_rate": 1e20}
    training = ok(interop.train(handle, {"train": part}, options, ctypes.addressof(flag)))
    answer = interop.next_epoch(training)
    assert answer["error"]["type"] == "DomainError"
    assert "the network has the weights it came with" in answer["error"]["message"]


def test_training_stops_when_told(handle: int) -> None:
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}

    def train(seen: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        start = interop.train(handle, {"train": part}, {"epochs": 9}, ctypes.addressof(flag))
        return trained(start, seen)

    asked = train(lambda epoch: epoch["epoch"] == 2)
    assert (asked["epochs"], asked["ended"]) == (2, "callback")

    def raise_flag(epoch: dict[str, Any]) -> None:
        flag.value = epoch["epoch"] == 2

    flagged = train(raise_flag)
    assert (flagged["epochs"], flagged["ended"]) == (2, "stopped")


def test_a_training_waits_between_epochs_and_leaves_the_network_in_evaluation_mode() -> None:
    options = {**OPTIONS, "num_layers": 2, "dropout": 0.9}
    network = ok(interop.create_network(options))["handle"]
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}
    outputs: list[list[np.ndarray]] = []

    def run(dropout: bool = False) -> np.ndarray:
        given = {"inputs": described(inputs)}
        return read(ok(interop.forward(network, given, False, dropout))["outputs"])

    def seen(_: dict[str, Any]) -> None:
        outputs.append([run(), run(), run(dropout=True)])

    training = interop.train(network, {"train": part}, {"epochs": 2}, ctypes.addressof(flag))
    trained(training, seen)
    assert error(interop.next_epoch(ok(training))) == ("DomainError", "handle")
    for once, again, dropped in outputs:
        assert np.array_equal(once, again) and not np.array_equal(once, dropped)
    assert len(outputs) == 2 and not np.array_equal(outputs[0][0], outputs[1][0])
    assert np.array_equal(outputs[1][0], run())


@pytest.mark.parametrize("epochs_seen", [0, 1])
def test_a_training_whose_handle_is_released_ends(handle: int, epochs_seen: int) -> None:
    inputs, targets = wave()
    flag = ctypes.c_ubyte(0)
    part = {"inputs": described(inputs), "targets": described(targets)}
    before = set(threading.enumerate())
    start = interop.train(handle, {"train": part}, {"epochs": 10**6}, ctypes.addressof(flag))
    (thread,) = set(threading.enumerate()) - before
    for _ in range(epochs_seen):
        assert "epoch" in ok(interop.next_epoch(ok(start)))
    assert thread.is_alive()
    ok(interop.release([ok(start)]))
    thread.join(60)
    assert not thread.is_alive()


def test_fit_asks_its_callback_and_can_be_interrupted() -> None:
    inputs, targets = (torch.from_numpy(each) for each in wave())
    data = Windows(inputs, targets)
    network = LiquidNetwork(**OPTIONS)
    losses: list[float] = []

    def callback(history: History) -> bool:
        losses.append(history.train_loss[-1])
        return history.epochs == 2

    history = fit(network, data, epochs=9, progress=False, callback=callback)
    assert history.epochs == 2 and losses == history.train_loss

    before = {name: value.clone() for name, value in network.state_dict().items()}
    interrupted = fit(network, data, epochs=9, progress=False, interrupted=lambda: True)
    assert interrupted.epochs == 0 and interrupted.best_epoch == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_pictures_are_png(handle: int) -> None:
    assert read(ok(interop.draw(handle, "wiring")))[:4].tobytes() == b"\x89PNG"
    inputs = {"inputs": described(np.zeros((4, 2)))}
    assert read(ok(interop.draw(handle, "states", inputs)))[:4].tobytes() == b"\x89PNG"
    assert error(interop.draw(handle, "states")) == ("OptionError", "inputs")
    assert error(interop.draw(handle, "wiring", None, 1)) == ("DomainError", "population")


def test_a_network_can_be_made_of_its_synapses(handle: int) -> None:
    wirings = ok(interop.wiring(handle))
    options = {name: value for name, value in OPTIONS.items() if name != "hidden_size"}
    again = ok(interop.create_network({**options, "wiring": wirings}))["handle"]
    assert ok(interop.wiring(again)) == wirings
    assert ok(interop.describe(again)) == ok(interop.describe(handle))


def test_a_table_crosses_by_columns() -> None:
    days, wave, cut = np.arange(60) * 86400e6, np.sin(np.arange(60) / 3), np.zeros(59)
    columns = [
        {"name": "day", "kind": "dates", "values": described(days)},
        {"name": "wave", "kind": "numbers", "values": described(wave)},
    ]
    stop = ctypes.c_ubyte(0)
    options = {"time": "day", "hidden_size": 4, "epochs": 3, "window": 8}
    seen: list[int] = []

    def progress(epoch: dict[str, Any]) -> bool:
        seen.append(epoch["epoch"])
        return epoch["epoch"] == 2

    found = trained(interop.fit_table(columns, "wave", options, ctypes.addressof(stop)), progress)
    assert seen == [1, 2] and found["history"]["ended"] == "callback"
    assert found["columns"]["time_unit"] == 86400.0
    day, made, predicted = ok(interop.forecast(found["handle"], columns))
    assert [each["name"] for each in (day, made, predicted)] == ["day", "made_at", "predicted_wave"]
    assert day["kind"] == made["kind"] == "dates"
    assert np.array_equal(read(made["values"]), days)
    assert np.array_equal(read(day["values"]), days + 86400e6)
    *_, newest = ok(interop.forecast(found["handle"], columns, True))
    assert read(newest["values"]) == read(predicted["values"])[-1:]
    forecast = read(predicted["values"])

    table = polars.DataFrame(
        {"day": polars.Series(days.astype(int)).cast(polars.Datetime("us")).cast(polars.Date),
         "wave": wave}
    )  # fmt: skip
    peer = fit_table(table, "wave", hidden_size=4, epochs=2, window=8, time="day", progress=False)
    assert np.array_equal(forecast, peer.predict(table)["predicted_wave"].to_numpy())
    short = [columns[0], {**columns[1], "values": described(cut)}]
    assert error(interop.forecast(found["handle"], short)) == ("ShapeError", "wave")


def test_networks_and_forecasters_are_exported(tmp_path: Path) -> None:
    created = interop.create_network({"input_size": 2, "hidden_size": 3, "output_size": 1})
    handle = created["ok"]["handle"]
    made = interop.export_network(handle, str(tmp_path), {"name": "pilot", "numbers": "int16"})
    assert made["ok"][:2] == [str(tmp_path / "pilot.h"), str(tmp_path / "pilot.c")]
    options = {"name": "tiny", "numbers": "int8", "layout": "arduino"}
    made = interop.export_network(handle, str(tmp_path), options)
    assert made["ok"][0] == str(tmp_path / "library.properties")
    refused = interop.export_network(handle, str(tmp_path), {"to": "wasm"})
    assert refused["error"]["argument"] == "to"
    refused = interop.export_network(handle, str(tmp_path), {"to": "html", "elapsed_time": 1})
    assert refused["error"]["argument"] == "elapsed_time"
    assert "error" in interop.export_forecaster(handle, str(tmp_path), {})
