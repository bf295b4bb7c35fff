"""Model files: what was saved comes back bit for bit, and nothing bad gets in."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec import make_files
from torch import nn
from torch.nn.utils import parametrizations, prune

from isolated import isolated
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, model_file, wiring
from liquid_neural_networks._document import MAX_DEPTH, MAX_OBJECTS
from liquid_neural_networks.constraints import CONSTRAINTS
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import (
    DomainError,
    DtypeError,
    ModelFileError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.model_file import FIELDS, Model, load, loads
from liquid_neural_networks.readout import MotorReadout

SPEC = Path(make_files.__file__).parent
ROWS = [line.split("\t") for line in (SPEC / "files/index.tsv").read_text("utf-8").splitlines()[1:]]
VALID = [name for name, error, _ in ROWS if error == "-"]
HOSTILE = [(name, says) for name, error, says in ROWS if error == "ModelFileError"]

WIRINGS = {
    "full": wiring.fully_connected(5),
    "random": wiring.random(6, motor=2, sparsity=0.6, seed=3),
    "ncp": wiring.ncp(inter=4, command=3, motor=2, seed=5),
    "auto_ncp": wiring.auto_ncp(units=8, motor=2),
}


def network(**options: Any) -> LiquidNetwork:
    """A small network that has been trained for a step, so no value is a round one."""
    made = LiquidNetwork(3, output_size=2, seed=1, **{"wiring": WIRINGS["ncp"], **options})
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(made.parameters(), lr=0.05)
    made(torch.randn(2, 4, 3)).square().mean().backward()
    optimiser.step()
    return made


def save(made: LiquidNetwork, path: Any, **kept: Any) -> None:
    model_file.save(made.to_model(**kept), path)


def dumps(made: LiquidNetwork, **kept: Any) -> bytes:
    return model_file.dumps(made.to_model(**kept))


def opened(data: bytes) -> LiquidNetwork:
    return LiquidNetwork.from_model(loads(data))


def values(made: LiquidNetwork) -> dict[str, torch.Tensor]:
    found = {f"readout.{name}": value.detach() for name, value in made.readout.named_parameters()}
    for index, neuron in enumerate(made.neurons):
        for name, value in neuron.values().items():
            found[f"{index}.{name}"] = value.detach()
    return found


def assert_same(loaded: LiquidNetwork, saved: LiquidNetwork) -> None:
    assert loaded.config() == saved.config()
    for mine, theirs in zip(loaded.neurons, saved.neurons):
        assert mine.wiring == theirs.wiring
    ours, expected = values(loaded), values(saved)
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert ours[name].dtype == value.dtype, name
        assert torch.equal(ours[name], value), name


# -- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("recipe", WIRINGS)
def test_a_network_comes_back_bit_for_bit(recipe, dynamics, constraint, dtype, tmp_path):
    saved = network(wiring=WIRINGS[recipe], dynamics=dynamics, constraint=constraint).to(dtype)
    save(saved, tmp_path / "model.lnn")
    loaded = LiquidNetwork.load(tmp_path / "model.lnn")
    assert_same(loaded, saved)
    inputs = torch.randn(2, 6, 3, dtype=dtype)
    assert torch.equal(loaded(inputs, elapsed_time=0.3), saved(inputs, elapsed_time=0.3))


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 3, "dropout": 0.2},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "wiring": WIRINGS["full"]},
        {"return_sequences": False, "batch_first": False},
        {"solver": "exponential", "unfolds": 2, "readout": "dense"},
        {"dynamics": {"type": "dense", "activation": "tanh"}},
        {"dynamics": {"type": "closed_form", "mode": "pure", "leaky_wiring": True}},
        {
            "dynamics": {"type": "closed_form", "backbone_layers": 2, "backbone_dropout": 0.5},
            "wiring": WIRINGS["full"],
        },
        {"mixed_memory": True, "bidirectional": True},
        {"mixed_memory": True, "dynamics": "closed_form", "num_layers": 2},
        {"wiring": [wiring.random(6, seed=1), wiring.random(6, seed=2)], "num_layers": 2},
    ],
    ids=str,
)
def test_every_option_comes_back(options):
    saved = network(**options)
    assert_same(opened(dumps(saved)), saved)


def test_softplus_values_come_back_over_many_magnitudes():
    saved = network(constraint="softplus", wiring=wiring.fully_connected(40))
    with torch.no_grad():
        saved.neurons[0].dynamics.w.copy_(torch.linspace(-80, 80, 1600))
    assert_same(opened(dumps(saved)), saved)


def test_c_elegans_comes_back():
    saved = network(wiring=wiring.c_elegans())
    assert_same(opened(dumps(saved)), saved)


def test_scaling_and_metadata_come_back_as_plain_data():
    metadata = {"who": "åsa", "scores": (1, 2.5, None), "best": np.float32(0.5), "on": True}
    scaling = {"mean": [np.int64(3), -1.0]}
    loaded = loads(dumps(network(), scaling=scaling, metadata=metadata))
    assert loaded.metadata == {"who": "åsa", "scores": [1, 2.5, None], "best": 0.5, "on": True}
    assert loaded.scaling == {"mean": [3, -1.0]}
    bare = loads(dumps(network()))
    assert (bare.scaling, bare.metadata) == (None, {})


@pytest.mark.parametrize("size", [0, 1, 15, 16, 255, 256, 30_000])
def test_lists_maps_and_text_of_any_size_come_back(size):
    """msgpack writes a length in 4, 8, 16 or 32 bits; a file holds each."""
    numbers = dict.fromkeys(map(str, range(size)), 7)
    for name, value in {"list": [7] * size, "map": numbers, "text": "abc" * size}.items():
        assert loads(dumps(network(), metadata={name: value})).metadata == {name: value}


def test_the_network_saves_and_loads_itself(tmp_path):
    saved = network()
    saved.save(tmp_path / "model.lnn", note="hello")
    assert_same(LiquidNetwork.load(str(tmp_path / "model.lnn")), saved)
    assert load(tmp_path / "model.lnn").metadata == {"note": "hello"}


def test_a_loaded_network_evaluates_and_trains_on():
    loaded = opened(dumps(network(num_layers=2, dropout=0.5)))
    assert not loaded.training
    inputs = torch.randn(1, 3, 3)
    assert torch.equal(loaded(inputs), loaded(inputs))
    before = values(loaded)["0.c"].clone()
    optimiser = torch.optim.SGD(loaded.train().parameters(), lr=10.0)
    loaded(inputs).sum().backward()
    optimiser.step()
    assert not torch.equal(values(loaded)["0.c"], before)
    assert (values(loaded)["0.c"] >= 1e-6).all()


def test_loading_leaves_the_global_random_state_alone():
    data = dumps(network())
    before = torch.get_rng_state()
    opened(data)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_network_gives_the_same_bytes():
    assert dumps(network()) == dumps(network())


# -- parts that were exchanged -----------------------------------------------------------------

READOUTS: dict[str, Callable[[], nn.Module]] = {
    "no bias": lambda: nn.Linear(9, 3, bias=False),
    "wide": lambda: nn.Linear(9, 4000),
    "neurons": nn.Identity,
    "motor": lambda: MotorReadout(3),
    "pruned": lambda: prune.l1_unstructured(nn.Linear(9, 2), "weight", 0.5),
    "weight-normed": lambda: parametrizations.weight_norm(nn.Linear(9, 2)),
}


@pytest.mark.parametrize("name", READOUTS)
def test_an_exchanged_readout_comes_back(name: str) -> None:
    def child() -> None:
        torch.manual_seed(0)
        saved, inputs = network(), torch.randn(2, 4, 3)
        saved.readout = READOUTS[name]()
        loaded = opened(dumps(saved))
        torch.testing.assert_close(loaded(inputs), saved(inputs))
        assert loaded.output_size == saved.output_size
        # A file holds numbers: what made them, and whether some were left out, it does not.
        assert_same(opened(dumps(loaded)), loaded)

    isolated(child)


@pytest.mark.parametrize("mixed_memory", [False, True])
@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_an_exchanged_population_comes_back(dynamics: str, mixed_memory: bool) -> None:
    options = {"dynamics": dynamics, "mixed_memory": mixed_memory}

    def child() -> None:
        saved, inputs = network(num_layers=2, **options), torch.randn(2, 4, 3)
        other = wiring.random(9, sparsity=0.7, seed=8)
        options["dynamics"] = saved.neurons[1].config()["dynamics"]
        saved.neurons[1] = LiquidNeuron(9, wiring=other, seed=5, **options)
        loaded = opened(dumps(saved))
        assert_same(loaded, saved)
        assert torch.equal(loaded(inputs), saved(inputs))

    isolated(child)


# -- plain data --------------------------------------------------------------------------------


def test_a_network_is_what_its_plain_data_say() -> None:
    saved = network(num_layers=2)
    model = saved.to_model(scaling={"mean": 1}, metadata={"by": "hand"})
    assert_same(LiquidNetwork.from_model(model), saved)
    data = model_file.dumps(model)
    again = loads(data)
    assert again.config == model.config and list(again.wirings) == list(model.wirings)
    assert (again.scaling, again.metadata) == ({"mean": 1}, {"by": "hand"})
    assert all(torch.equal(again.values[name], value) for name, value in model.values.items())
    assert model_file.dumps(again) == data


@pytest.mark.parametrize(
    ("part", "value", "error", "names"),
    [
        ("values", {"neurons.0.c": None}, OptionError, r"values\.neurons\.0\.c"),
        ("values", {"neurons.7.c": torch.ones(3)}, OptionError, r"neurons\.7\.c"),
        ("values", {"neurons.0.c": torch.ones(4)}, ShapeError, "c"),
        ("values", {"neurons.0.c": -torch.ones(9)}, DomainError, "c"),
        ("config", {"hidden_size": 8}, OptionError, "hidden_size"),
        ("config", {"solver": "magic"}, OptionError, "solver"),
    ],
)
def test_plain_data_that_fit_no_network_are_refused(part, value, error, names) -> None:
    model = network().to_model()
    changed = {k: v for k, v in {**getattr(model, part), **value}.items() if v is not None}
    broken = model._replace(**{part: changed})
    with pytest.raises(error, match=names):
        LiquidNetwork.from_model(broken)
    with pytest.raises(ModelFileError):
        model_file.dumps(broken)


# -- what may not be saved ---------------------------------------------------------------------


def deep(levels: int) -> Any:
    return [] if levels == 0 else [deep(levels - 1)]


def endless() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    return loop


@pytest.mark.parametrize(
    ("metadata", "error", "names"),
    [
        ({"model": Ellipsis}, DtypeError, "metadata.model"),
        ({"raw": b"bytes"}, DtypeError, "metadata.raw"),
        ({"rows": [1, np.zeros(2)]}, DtypeError, r"metadata.rows\[1\]"),
        ({1: "one"}, DtypeError, "metadata"),
        ([1, 2], DtypeError, "metadata"),
        ({"big": 2**64}, DomainError, "metadata.big"),
        ({"deep": deep(MAX_DEPTH)}, DomainError, "metadata.deep"),
        (endless(), DomainError, "metadata"),
        ({"long": [0] * MAX_OBJECTS}, DomainError, "more than 65536"),
        ({"bad": "\ud800"}, DomainError, "metadata.bad"),
    ],
    ids=str,
)
def test_only_plain_data_is_kept_with_a_network(metadata, error, names):
    with pytest.raises(error, match=names):
        dumps(network(), metadata=metadata)


def test_the_deepest_metadata_that_saves_also_loads():
    metadata = {"deep": deep(MAX_DEPTH - 3)}
    assert loads(dumps(network(), metadata=metadata)).metadata == metadata


def test_other_dtypes_and_broken_networks_are_refused():
    with pytest.raises(DtypeError, match="float16"):
        dumps(network().half())
    with pytest.raises(DtypeError, match="model"):
        model_file.dumps(torch.nn.Linear(2, 2))
    broken = network()
    with torch.no_grad():
        broken.neurons[0].dynamics.mu[0] = float("nan")
    with pytest.raises(DomainError, match=r"neurons\.0\.mu"):
        dumps(broken)


# -- what may not be opened --------------------------------------------------------------------


def test_the_index_names_every_file_and_none_is_stale():
    assert make_files.stale() == []
    there = {str(path.relative_to(SPEC / "files")) for path in (SPEC / "files").rglob("*.lnn")}
    assert there == {row[0] for row in ROWS}
    assert sum(path.stat().st_size for path in (SPEC / "files").rglob("*.*")) < 340_000


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_the_format_text_names_every_field(dynamics):
    text = (SPEC / "lnn-format.org").read_text("utf-8")
    document = msgpack.unpackb(dumps(network(dynamics=dynamics)))
    named = [*document, *document["config"], *document["config"]["dynamics"]]
    named += document["wirings"][0]
    named += [name.replace("neurons.0.", "neurons.p.") for name in document["tensors"]]
    assert [name for name in named if f"={name}=" not in text] == []


@pytest.mark.parametrize("name", VALID)
def test_files_written_without_the_library_open_and_write_back_the_same(name):
    data = (SPEC / "files" / name).read_bytes()
    document = msgpack.unpackb(data)
    loaded = load(SPEC / "files" / name)
    network = LiquidNetwork.from_model(loaded)
    for key, stored in document["tensors"].items():
        expected = np.frombuffer(stored["data"], "<" + stored["dtype"]).reshape(stored["shape"])
        found = values(network)[key.removeprefix("neurons.")].numpy()
        assert found.dtype == expected.dtype
        assert np.array_equal(loaded.values[key].numpy(), expected)
        # A writer in another language may hold softplus values between the ones we can store.
        steps = 4 if document["config"]["constraint"] == "softplus" else 0
        assert (abs(found - expected) <= steps * np.spacing(abs(expected))).all(), key
    kept = {name: getattr(loaded, name) for name in ("scaling", "metadata", "learner")}
    models = [loaded]
    if document["config"]["constraint"] == "clip":
        models.append(network.to_model(**kept))
    for model in models:
        again = msgpack.unpackb(model_file.dumps(model))
        assert list(again) == [*FIELDS, *(["learner"] if loaded.learner else [])]
        assert {**again, "library": "spec"} == document


@pytest.mark.parametrize(("name", "says"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_hostile_files_are_refused_fast_and_small(name, says):
    path = SPEC / "files" / name
    load(SPEC / "files/valid/closed-form.lnn")  # what numpy imports when first used
    tracemalloc.start()
    started = time.perf_counter()
    try:
        with pytest.raises(ModelFileError) as caught:
            load(path)
        seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert says in message.removeprefix(f"{path}: ")
    assert len(message) < len(str(path)) + 300
    assert seconds < 2.0
    assert peak < 8_000_000 + 100 * path.stat().st_size


def test_hostile_files_do_not_allocate_what_they_claim():
    """tracemalloc does not see torch's memory; the limit of a process does."""
    script = f"""
import resource
from pathlib import Path
from liquid_neural_networks.errors import ModelFileError
from liquid_neural_networks.model_file import load
folder = Path({str(SPEC / "files")!r})
load(folder / "valid/dense.lnn")
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000,) * 2)
for path in sorted(folder.glob("hostile/*.lnn")):
    try:
        load(path)
    except ModelFileError:
        continue
    raise SystemExit(f"{{path}} was opened")
print("all refused")
"""
    done = run(script)
    assert done.stdout == "all refused\n", done.stderr


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )


def opens_or_is_refused(data: bytes) -> bool:
    try:
        model = loads(data)
    except ModelFileError as error:
        assert len(str(error)) < 400
        return False
    assert isinstance(model, Model)
    LiquidNetwork.from_model(model)  # whatever opens can be made
    return True


GOOD = [(SPEC / "files" / name).read_bytes() for name in VALID]
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(st.sampled_from(GOOD), st.data())
def test_flipped_bytes_raise_nothing_else(data, draw):
    damaged = bytearray(data)
    for place in draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=4)):
        damaged[place] = draw.draw(st.integers(0, 255))
    opens_or_is_refused(bytes(damaged))


@FUZZ
@given(st.sampled_from(GOOD), st.data())
def test_a_shortened_file_never_opens(data, draw):
    assert not opens_or_is_refused(data[: draw.draw(st.integers(0, len(data) - 1))])


@FUZZ
@given(st.sampled_from(GOOD), st.data())
def test_cut_out_and_inserted_bytes_raise_nothing_else(data, draw):
    start, end = sorted(draw.draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    opens_or_is_refused(data[:start] + draw.draw(st.binary(max_size=40)) + data[end:])


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=80)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@FUZZ
@given(st.sampled_from(GOOD), ANYTHING, st.data())
def test_any_value_in_any_place_raises_nothing_else(data, value, draw):
    document = msgpack.unpackb(data)
    place = document
    while True:
        key = draw.draw(st.sampled_from(range(len(place)) if isinstance(place, list) else [*place]))
        inner = place[key]
        if not (isinstance(inner, (dict, list)) and inner and draw.draw(st.integers(0, 5))):
            break
        place = inner
    place[key] = value
    opens_or_is_refused(msgpack.packb(document))


# -- the disk ----------------------------------------------------------------------------------


def other() -> LiquidNetwork:
    return network(wiring=wiring.fully_connected(120))


@pytest.mark.parametrize("broken", ["fsync", "replace", "write"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(broken, tmp_path, monkeypatch):
    path = tmp_path / "model.lnn"
    save(network(), path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if broken == "fsync":
            patch.setattr(os, "fsync", fail)
        elif broken == "replace":
            patch.setattr(Path, "replace", fail)
        else:
            patch.setattr(Path, "open", fail)
        with pytest.raises(OSError, match="No space"):
            save(other(), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.lnn"]


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.lnn"
    save(network(), path)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save(other(), path)
    assert_same(LiquidNetwork.load(path), network())
    assert [each.name for each in tmp_path.iterdir()] == ["model.lnn"]


SAVE_BIG = """
import resource, signal
from liquid_neural_networks import LiquidNetwork
big = LiquidNetwork(3, 120, 2, seed=0)
"""


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.lnn"
    save(network(), path)
    limited = f"""{SAVE_BIG}
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    big.save({str(path)!r})
except OSError as error:
    print(type(error).__name__, error.errno)
"""
    done = run(limited)
    assert done.stdout.split() == ["OSError", "27"], done.stderr  # 27: EFBIG
    assert_same(LiquidNetwork.load(path), network())
    assert [each.name for each in tmp_path.iterdir()] == ["model.lnn"]


@pytest.mark.parametrize("moment", ["open", "fsync", "replace"])
def test_a_killed_save_leaves_a_whole_file(moment, tmp_path):
    """The process kills itself, so no cleaning up can run, right before or after each step."""
    path = tmp_path / "model.lnn"
    save(network(), path)
    owner = "os" if moment == "fsync" else "Path"
    script = f"""{SAVE_BIG}
import os
from pathlib import Path
inner = {owner}.{moment}
def then_die(*arguments):
    result = inner(*arguments)
    if getattr(result, "write", None):
        result.write(b"half a file")
        result.flush()
    os.kill(os.getpid(), signal.SIGKILL)
{owner}.{moment} = then_die
big.save({str(path)!r})
"""
    assert run(script).returncode == -signal.SIGKILL
    units = load(path).config["hidden_size"]
    assert units == (120 if moment == "replace" else network().hidden_size)


def test_kills_at_any_moment_leave_a_whole_file(tmp_path):
    path = tmp_path / "model.lnn"
    script = f"""{SAVE_BIG}
small = LiquidNetwork(3, 5, 2, seed=0)
small.save({str(path)!r})
print("saving", flush=True)
while True:
    big.save({str(path)!r})
    small.save({str(path)!r})
"""
    for delay in (0.0, 0.013, 0.05):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"saving\n"
            time.sleep(delay)
            process.kill()
        assert process.wait() == -signal.SIGKILL
        assert load(path).config["hidden_size"] in (5, 120)


def test_saving_keeps_permissions_and_follows_links(tmp_path):
    path, link = tmp_path / "model.lnn", tmp_path / "latest.lnn"
    save(network(), path)
    path.chmod(0o640)
    link.symlink_to(path)
    save(other(), link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert_same(LiquidNetwork.load(path), other())


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    save(network(), tmp_path / "model.lnn")
    usual = (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "model.lnn").stat().st_mode == usual


def test_places_that_are_no_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(ModelFileError, match="no regular file"):
            save(network(), place)
        with pytest.raises(ModelFileError, match="no regular file"):
            load(place)
    with pytest.raises(DtypeError, match="path"):
        save(network(), 3)
    with pytest.raises(FileNotFoundError):
        save(network(), tmp_path / "absent" / "model.lnn")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.lnn")
    with pytest.raises(DtypeError, match="data"):
        loads("text")
