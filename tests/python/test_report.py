"""Explanations add up to what was forecast; pages show what the library says, and need nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from click.testing import CliRunner

from liquid_neural_networks import LiquidNetwork, inspection, report, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import DataError, DomainError, DtypeError, OptionError
from liquid_neural_networks.report import _subject
from liquid_neural_networks.training import Forecaster, fit_table

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ROWS = 80


def wave() -> polars.DataFrame:
    rng = np.random.default_rng(0)
    hours = np.arange(ROWS) * 0.5
    level = 20 + 3 * np.sin(hours) + 0.1 * rng.normal(size=ROWS)
    valve = np.where(np.arange(ROWS) % 17 == 3, np.nan, np.cos(hours))
    kind = np.where(level > 21, "high", np.where(level < 19, "</script><b>low", "mid"))
    return polars.DataFrame(
        {"hour": hours, "level": level, "valve": valve, "kind": kind}
    ).with_columns(polars.col("valve").fill_nan(None))


OPTIONS = {
    "time": "hour",
    "epochs": 1,
    "window": 12,
    "hidden_size": 5,
    "progress": False,
    "seed": 0,
}
FORECASTERS: dict[str, dict[str, Any]] = {
    "value": {"targets": "level", "horizon": 2, "features": ["level", "valve"]},
    "no baseline": {"targets": ["level", "valve"], "baseline": "none", "path": True, "horizon": 3},
    "quantiles": {"targets": "level", "loss": "quantile", "features": ["level", "valve"]},
    "classes": {"targets": "kind"},
    "closed form": {"targets": "level", "dynamics": "closed_form", "features": ["level"]},
}


@pytest.fixture(scope="module")
def trained() -> dict[str, Forecaster]:
    return {name: fit_table(wave(), **OPTIONS, **each) for name, each in FORECASTERS.items()}


@pytest.mark.parametrize("name", FORECASTERS)
def test_the_parts_add_up_to_the_forecast(name: str, trained: dict[str, Forecaster]) -> None:
    forecaster = trained[name]
    found = report.explain(forecaster, wave(), row=55)
    parts = found.parts
    assert parts.inputs.shape == (55, forecaster.network.input_size)
    assert parts.times[-1] == "27"
    assert abs(parts.before + parts.inputs.sum() - parts.total) <= parts.error + 1e-9
    assert parts.error < 1e-3
    weights = np.abs(parts.inputs).sum(axis=1)
    assert weights[: parts.first].sum() <= weights.sum() / 100 and parts.first <= 55 - 12
    assert parts.first == 43 or weights[: parts.first + 1].sum() >= weights.sum() / 100
    row = forecaster.predict(wave()[:55], latest=True).row(-1, named=True)
    if name == "classes":
        assert found.answer == row["predicted_kind"]
    else:
        key = "predicted_level_q50" if name == "quantiles" else "predicted_level"
        assert float(found.answer) == pytest.approx(row[key], rel=1e-5)


def test_without_a_baseline_the_total_is_the_forecast(trained: dict[str, Forecaster]) -> None:
    forecaster = trained["no baseline"]
    found = report.explain(forecaster, wave(), row=55, target="valve")
    assert found.parts.total == pytest.approx(float(found.answer), rel=1e-5)
    assert found.start == f"It would be {found.parts.before:.6g} if all inputs were at their means."


def test_the_baseline_and_the_parts_make_the_forecast() -> None:
    """Also where the network has learned that the baseline is off on average."""
    rising = wave().with_columns(polars.col("level") + polars.int_range(ROWS) * 0.5)
    forecaster = fit_table(rising, "level", baseline="latest", horizon=2, **OPTIONS)
    found = report.explain(forecaster, rising, row=60)
    says = re.search(
        r"The baseline latest says ([\d.]+); the network adds ([+-][\d.]+)", found.start
    )
    assert says is not None
    level = rising["level"][59]
    assert float(says[1]) == pytest.approx(level, rel=1e-5)
    assert found.parts.total == pytest.approx(float(found.answer) - level, rel=1e-4)
    assert found.parts.total == pytest.approx(
        found.parts.before + found.parts.inputs.sum(), abs=1e-3
    )
    assert found.parts.total > 0.5


def test_where_levels_cross_the_middle_one_is_explained() -> None:
    forecaster = fit_table(
        wave(), "level", loss="quantile", horizon=2, quantiles=[0.45, 0.5, 0.55], **OPTIONS
    )
    crossed = 0
    for row in range(20, ROWS, 6):
        found = report.explain(forecaster, wave(), row=row)
        says = re.search(r"The baseline \w+ says ([\d.]+); the network", found.start)
        assert says is not None
        assert float(says[1]) + found.parts.total == pytest.approx(float(found.answer), abs=1e-3)
        subject = _subject.of_forecaster(
            forecaster, forecaster.columns.recordings(forecaster.columns.read(wave()))[0], row
        )
        levels = subject.run()[-1] * subject.scale + subject.shift
        crossed += bool((np.diff(levels) < 0).any())
    assert crossed > 0


def test_of_several_series_it_says_which(tmp_path: Path) -> None:
    cases = polars.concat([wave()[:40], wave()[40:]]).with_columns(
        polars.when(polars.int_range(ROWS) < 40).then(polars.lit("Ann")).otherwise(polars.lit("Bo"))
        .alias("who")
    )  # fmt: skip
    forecaster = fit_table(cases, "level", group="who", features=["level"], **OPTIONS)
    assert report.explain(forecaster, cases, row=30).question.endswith(" of who Ann")
    page = tmp_path / "page.html"
    report.write(forecaster, cases, page, progress=False)
    found = shown(page)
    assert found["shows"] == "Shown is who Bo, the last of 2 series; the measures are of all."
    assert " of who Bo: " in found["attribution"]["words"]


def test_a_baseline_that_knows_nothing_yet_is_said(tmp_path: Path) -> None:
    clock = polars.datetime(2026, 1, 1) + polars.duration(hours=polars.int_range(ROWS))
    late = polars.when(polars.int_range(ROWS) >= 12).then("level").alias("level")
    table = wave().with_columns(late, clock.alias("hour"))
    forecaster = fit_table(table, "level", baseline="latest", horizon=1, **OPTIONS)
    found = report.explain(forecaster, table, row=10)
    assert found.answer == "unknown" and "knows nothing at this row yet" in str(found)
    assert found.question == "level, 1 row after 2026-01-01 09:00:00"
    report.write(forecaster, table[:10], tmp_path / "page.html", progress=False)
    assert "unknown" in shown(tmp_path / "page.html")["attribution"]["words"]


def test_words_name_what_mattered_most(trained: dict[str, Forecaster]) -> None:
    found = report.explain(trained["value"], wave())
    said = str(found)
    weights = np.abs(found.parts.inputs).sum(axis=0)
    first = re.search(r"means \(.*\):\n  (.*?)  ", said)
    assert first is not None and first[1].strip() == found.names[int(weights.argmax())]
    assert said.startswith("level, 2 rows after 39.5: ")
    assert "In its test, forecasts were off by" in said
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["inputs"] == list(trained["value"].input_names)
    assert np.array(plain["parts"]).shape == found.parts.inputs.shape
    strongest = max(plain["neurons"], key=lambda name: abs(plain["neurons"][name]))
    assert f"Passed on most by {strongest} (" in said


def test_long_gone_rows_are_carried_by_the_state(trained: dict[str, Forecaster]) -> None:
    """Looking back on fewer rows leaves the output as it is."""
    forecaster = trained["value"]
    recordings = forecaster.columns.recordings(forecaster.columns.read(wave()))
    whole = _subject.of_forecaster(forecaster, recordings[0], ROWS)
    newest = whole.newest(30)
    assert len(newest.inputs) == 30 and newest.times == whole.times[-30:]
    np.testing.assert_allclose(newest.run(), whole.run()[-30:], atol=1e-6)


def test_what_cannot_be_explained_is_said(trained: dict[str, Forecaster]) -> None:
    forecaster = trained["value"]
    with pytest.raises(DomainError, match=r"row: expected .* from 1 to 80"):
        report.explain(forecaster, wave(), row=81)
    with pytest.raises(DataError, match="target: expected one of level, got 'speed'"):
        report.explain(forecaster, wave(), target="speed")
    with pytest.raises(DtypeError, match="network: expected a LiquidNetwork or a Forecaster"):
        report.write("pilot.lnn", wave(), "page.html")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="time: the table trained on says"):
        report.write(forecaster, wave(), "page.html", time="hour")
    with pytest.raises(DataError, match="the network has 5 inputs, the table 2 columns beside"):
        report.write(
            LiquidNetwork(5, 4, 1), wave()[["hour", "level", "valve"]], "p.html", time="hour"
        )


def test_looking_at_a_network_leaves_it_as_it_was(
    trained: dict[str, Forecaster], tmp_path: Path
) -> None:
    forecaster = trained["value"]
    forecaster.network.train()
    forecaster.network.neurons[0].eval()
    report.explain(forecaster, wave())
    report.write(forecaster, wave(), tmp_path / "tank.html", progress=False)
    assert forecaster.network.training and not forecaster.network.neurons[0].training
    forecaster.network.eval()
    plain = LiquidNetwork(2, 4, 1, seed=0, num_layers=2, dropout=0.5).train()
    table = polars.DataFrame({"a": [0.1, 0.2, 0.3], "b": [0.0, 1.0, 0.0]})
    report.write(plain, table, tmp_path / "plain.html", progress=False)
    assert all(each.training for each in plain.modules())
    with pytest.raises(DtypeError, match="forecaster: expected a Forecaster"):
        report.explain(plain, table)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="title: expected text"):
        report.write(plain, table, tmp_path / "title.html", title=5)  # type: ignore[arg-type]
    assert not (tmp_path / "title.html").exists()
    with pytest.raises(OptionError, match="solver: "):
        adaptive = LiquidNetwork(2, 4, 1, solver="adaptive")
        report.write(adaptive, table, tmp_path / "adaptive.html", progress=False)


def shown(page: Path) -> dict[str, Any]:
    text = page.read_text("utf-8")
    # Nothing is fetched; the one address is the name of SVG.
    assert set(re.findall(r"https?://[^\"' ]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bsrc=|@import|url\(|fetch\(|XMLHttp|eval\(", text)
    assert text.count("</script>") == 2
    found: dict[str, Any] = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])
    return found


@pytest.mark.parametrize("name", ["value", "classes"])
def test_the_page_shows_what_the_library_says(
    name: str, trained: dict[str, Forecaster], tmp_path: Path
) -> None:
    forecaster, page = trained[name], tmp_path / "page.html"
    report.write(forecaster, wave(), page, title="<Tanks> & $data", progress=False)
    found = shown(page)
    assert "<title>&lt;Tanks&gt; &amp; $data</title>" in page.read_text("utf-8")
    scores = forecaster.evaluate(wave())
    own = next(value for label, value, _ in found["quality"]["rows"] if label == "this network")
    assert own == pytest.approx(scores[forecaster.measure])
    network, wired = forecaster.network, forecaster.network.wiring
    assert wired is not None
    assert found["names"] == list(forecaster.input_names)
    assert found["wiring"]["synapses"]["count"] == wired.synapse_count
    assert np.array(found["activity"]["states"]).shape == (wired.units, ROWS)
    assert len(found["lesions"]["change"]) == wired.units
    if name == "value":
        subject = _subject.of_forecaster(
            forecaster, forecaster.columns.recordings(forecaster.columns.read(wave()))[0], ROWS
        )
        change = (subject.run(network.ablate(neurons=[2])) - subject.run()) * subject.scale
        assert found["lesions"]["change"][2] == pytest.approx(
            np.sqrt(np.square(change).mean()), rel=1e-3
        )
        rests = inspection.fixed_points(
            network,
            np.nan_to_num(subject.inputs[-1]),
            mask=~np.isnan(subject.inputs[-1]),
            starts=16,
        )
        assert len(found["fixed"]["rows"]) == min(len(rests), 8)


def test_distrust_is_said_where_it_is_due(trained: dict[str, Forecaster], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    strange = wave().with_columns(
        polars.when(polars.int_range(ROWS) == ROWS - 1)
        .then(1000.0)
        .otherwise(polars.col("level"))
        .alias("level")
    )
    report.write(trained["value"], strange[40:], page, progress=False)
    said = " ".join(shown(page)["distrust"])
    assert re.search(r"change of level is \d+\.\d deviations from its mean in the newest row", said)
    assert "A simple rule, " in said or "better" in shown(page)["quality"]["verdict"]


def test_any_network_has_a_page_and_large_ones_a_small_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = polars.DataFrame({"s": np.arange(30) * 0.1, "a": rng.normal(size=30), "b": 0.5})
    page = tmp_path / "worm.html"
    report.write(
        LiquidNetwork(2, wiring=wiring.c_elegans(4), seed=0), table, page, time="s", progress=False
    )
    found = shown(page)
    assert page.stat().st_size < 5e6
    assert found["quality"] is None and found["activity"]["unit"] == "units of s"
    assert sum(len(ids) for _, ids in found["wiring"]["layers"]) == 302
    assert "from rest and from 1 random state." in found["fixed"]["note"]
    assert found["fixed"]["rows"] and "yes" in found["fixed"]["rows"][0]


def rest_outputs(page: dict[str, Any]) -> list[float]:
    """What the network says at the first state of rest."""
    return [float(each.split(" ")[-1]) for each in page["fixed"]["rows"][0][3].split(", ")]


@pytest.mark.parametrize("bidirectional", (False, True))
def test_all_layers_and_directions_are_shown(bidirectional: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = polars.DataFrame({"a": rng.normal(size=20), "b": rng.normal(size=20)})
    grown = wiring.ncp(inter=3, command=2, motor=1)
    network = LiquidNetwork(2, wiring=grown, num_layers=2, bidirectional=bidirectional, seed=0,
                            output_size=1, readout="dense")  # fmt: skip
    page = tmp_path / "deep.html"
    report.write(network, table, page, progress=False)
    found, populations = shown(page), [neuron for _, neuron in network.populations()]
    names = found["neurons"]
    assert len(set(names)) == len(names) == 6 * len(populations) == len(found["lesions"]["change"])
    assert names[0] == ("layer 1 forwards motor 0" if bidirectional else "layer 1 motor 0")
    assert sorted(i for _, ids in found["wiring"]["layers"] for i in ids) == [*range(len(names))]
    own, fed = found["wiring"]["synapses"], found["wiring"]["sensory"]
    assert own["count"] + fed["count"] == sum(
        each.wiring.synapse_count + each.wiring.sensory_synapse_count for each in populations
    )
    # What a higher layer hears is named by the neurons that say it.
    rests = inspection.fixed_points(network, table.row(19), starts=16).outputs
    assert rests is not None
    assert rest_outputs(found) == pytest.approx(rests[0].tolist(), rel=1e-3, abs=1e-4)
    first = 6 * network.directions
    heard = {(s, r - first) for s, r in zip(own["pre"], own["post"]) if s < first <= r < first + 6}
    upper = populations[network.directions].wiring
    assert heard == set(zip(upper.sensory_pre.tolist(), upper.sensory_post.tolist()))
    inputs = torch.from_numpy(table.to_numpy()).float()
    states = [network.trace(inputs, population=p).states.T for p in range(len(populations))]
    wanted = torch.cat(states).detach().numpy()
    np.testing.assert_allclose(found["activity"]["states"], wanted, atol=1e-3)
    without = network.ablate(neurons=[2], population=1)(inputs) - network(inputs)
    change = float(without.detach().square().mean().sqrt())
    assert found["lesions"]["change"][6 + 2] == pytest.approx(change, rel=1e-2)


@pytest.mark.skipif(CHROMIUM is None, reason="PAGES ARE NOT OPENED: there is no chromium")
@pytest.mark.parametrize("name", ["value", "classes"])
def test_the_page_draws_itself_without_an_error(
    name: str, trained: dict[str, Forecaster], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    report.write(trained[name], wave(), page, progress=False)
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()),
        ],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    network = trained[name].network
    assert network.wiring is not None
    assert done.stdout.count('class="node') == network.hidden_size + network.input_size
    synapses = network.wiring.synapse_count + network.wiring.sensory_synapse_count
    assert len(re.findall(r'class="synapse (?:up|down)', done.stdout)) == synapses
    assert done.stdout.count("<canvas") == 2 and "time constant (units of 0.5 hour)" in done.stdout


def test_the_commands(trained: dict[str, Forecaster], tmp_path: Path) -> None:
    model, table = str(tmp_path / "tank.lnn"), str(tmp_path / "tank.csv")
    trained["value"].save(model)
    wave().write_csv(table)
    picture, page = tmp_path / "why.png", tmp_path / "tank.html"
    done = CliRunner().invoke(
        main, ["explain", model, table, "--row", "55", "--picture", str(picture)]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("level, 2 rows after 27: ")
    assert picture.read_bytes().startswith(b"\x89PNG")
    done = CliRunner().invoke(main, ["explain", model, table, "--json"])
    assert json.loads(done.stdout)["times"][-1] == "39.5"
    done = CliRunner().invoke(main, ["report", model, table, "-o", str(page)])
    assert (done.exit_code, done.stdout) == (0, f"{page}\n")
    assert shown(page)["title"] == "tank"
    LiquidNetwork(2, 4, 1, seed=0).save(tmp_path / "plain.lnn")
    for arguments, code, words in (
        (["explain", model, table, "--row", "0"], 2, "--row"),
        (["explain", model, table, "--row", "500"], 1, "row: expected"),
        (["explain", model, table, "--picture", "q.txt"], 2, "--picture: unknown 'txt'"),
        (["inspect", model, "--wiring", "w.txt"], 2, "--wiring: unknown 'txt'"),
        (["explain", str(tmp_path / "plain.lnn"), table], 1, "was not trained on a table"),
        (["report", model, table, "-o", table], 2, "is read by this command"),
        (["report", str(tmp_path / "plain.lnn"), table, "-o", str(page)], 1, "has 2 inputs"),
    ):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code and words in done.output, done.output
    assert shown(page)["title"] == "tank"  # as it was


def test_columns_may_have_dollars_in_their_names(tmp_path: Path) -> None:
    table = wave().select("hour", polars.col("level").alias("a$x_$"), polars.col("valve"))
    model, rows = str(tmp_path / "odd.lnn"), str(tmp_path / "odd.csv")
    table.write_csv(rows)
    fit_table(table, "a$x_$", features=["a$x_$", "valve"], horizon=2, **OPTIONS).save(model)
    picture, drawn = tmp_path / "why.svg", tmp_path / "wiring.svg"
    for arguments in (
        ["explain", model, rows, "--picture", str(picture)],
        ["inspect", model, "--wiring", str(drawn)],
    ):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
    assert "a$x_$, 2 rows after" in picture.read_text() and "a$x_$" in drawn.read_text()
