"""``lnn inspect MODEL``: what a network is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import click

from .. import model_file
from ..inspection import describe


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--wiring", type=click.Path(path_type=Path), help="Also draw the wiring here (PNG).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON rather than a table.")
def inspect(model: Path, wiring: Optional[Path], as_json: bool) -> None:
    """Show the neurons, synapses, parameters and time constants of MODEL, a .lnn file."""
    network = model_file.load(model).network
    description = describe(network)
    if as_json:
        click.echo(json.dumps(description.to_dict(), indent=2))
    else:
        click.echo(str(description))
    if wiring is not None:
        # Imported here: matplotlib takes longer to load than the rest of the command to run.
        from ..plots import plot_wiring, save

        save(plot_wiring(network), wiring)
        click.echo(f"wrote {wiring}", err=True)
