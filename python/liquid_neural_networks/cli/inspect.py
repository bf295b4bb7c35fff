"""``lnn inspect MODEL``: what a network is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from ._files import check_picture
from ._results import printable

if TYPE_CHECKING:
    from ..model_file import Model
    from ..training import Forecaster


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--wiring", type=click.Path(path_type=Path), help="Also draw the wiring here (PNG, SVG or PDF)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON rather than a table.")
def inspect(model: Path, wiring: Optional[Path], as_json: bool) -> None:
    """Show the neurons, synapses, parameters and time constants of MODEL, a .lnn file.

    Of a network trained on a table, also what it reads and predicts, and how well in its test.
    """
    if wiring is not None:
        check_picture("--wiring", wiring, [str(model)])
    # Imported here, as below: torch would slow down every other command and --help.
    from .. import model_file
    from ..inspection import describe
    from ..network import LiquidNetwork

    found = model_file.load(model)
    network = LiquidNetwork.from_model(found)
    description = describe(network)
    forecaster = _forecaster(found, model)
    if wiring is not None:
        from ..plots import plot_wiring, save

        names = None if forecaster is None else forecaster.input_names
        save(plot_wiring(network, names=names), wiring)
        click.echo(f"wrote {wiring}", err=True)
    if as_json:
        plain = description.to_dict()
        if forecaster is not None:
            fields = ("columns", "horizon", "path", "baseline", "loss", "test")
            plain["table"] = {name: found.metadata[name] for name in fields}
        click.echo(json.dumps(plain, indent=2))
    else:
        click.echo(str(description))
        if forecaster is not None:
            click.echo(_about(forecaster))


def _forecaster(found: Model, model: Path) -> Optional[Forecaster]:
    """The forecaster in a file of lnn train; no other file needs what reads tables."""
    if "columns" not in found.metadata:
        return None
    from ..training import Forecaster
    from ..training._forecaster import trained_on_table

    return Forecaster.of(found, model) if trained_on_table(found.metadata) else None


def _about(forecaster: Forecaster) -> str:
    """What a network trained on a table reads and predicts."""
    columns, ahead = forecaster.columns, forecaster.horizon
    when = "in the same row" if ahead == 0 else f"{ahead} row{'s' * (ahead > 1)} ahead"
    baseline = forecaster.aim.baseline
    rows = [
        ("reads", ", ".join(columns.features)),
        ("predicts", f"{', '.join(columns.targets)}, {when}"),
    ]
    if baseline != "none":
        rows.append(("starts from", baseline))
    if columns.classes is not None:
        rows.append(("classes", ", ".join(map(str, columns.classes))))
    if columns.time:
        rows.append(("time", f"{', '.join(columns.time)}, {columns.time_unit:g} to a unit"))
    if forecaster.test is not None:
        scores = {name: v for name, v in forecaster.test.items() if isinstance(v, (int, float))}
        rows.append(("in its test", ", ".join(f"{name} {v:.4g}" for name, v in scores.items())))
    return "\n".join(f"{name:<11}  {printable(text)}" for name, text in rows)
