"""``lnn export MODEL``: a trained network for where there is no Python."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to", type=click.Choice(["c", "onnx"]), default="c", show_default=True, help="What to write."
)
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; it is made if it is not there.",
)
@click.option(
    "--name",
    help="What files and functions begin with.  [default: like MODEL's file name]",
)
@click.option(
    "--elapsed-time",
    type=float,
    help="The time between all samples, in the network's unit: smaller, faster code without that "
    "argument.  [default: known at run time]",
)
def export(
    model: Path, to: str, output: Path, name: Optional[str], elapsed_time: Optional[float]
) -> None:
    """Export MODEL, a .lnn file, as C for a microcontroller, or as ONNX.

    \b
    Examples:
      lnn export co2.lnn --output firmware
      lnn export pilot.lnn --output firmware --name pilot --elapsed-time 0.02
      lnn export co2.lnn --to onnx --output models

    C: writes NAME.h and NAME.c, strict C99 that needs no library and no heap, and main.c with a
    Makefile to try it here: it reads samples as lines of numbers. NAME.h says how the code is
    used. In a loop on the device:

    \b
      NAME_step(&state, inputs, elapsed_time, outputs);

    ONNX: writes NAME.onnx, of standard operators, for whole batches of sequences: inputs
    (B, T, I), elapsed_time (B, T) and state become outputs (B, T, O) and new_state.

    A network trained on a table takes and gives numbers in the units of the table.
    """
    # Imported here, as it takes its time: --help needs none of it.
    from .. import export as exports
    from .. import model_file
    from ..export._text import name_from

    chosen = name_from(model.stem) if name is None else name
    found = model_file.load(model)
    if to == "c":
        for path in exports.c(found, output, name=chosen, elapsed_time=elapsed_time):
            click.echo(path)
    else:
        if elapsed_time is not None:
            raise click.UsageError("--elapsed-time is for --to c: in ONNX it is an input")
        output.mkdir(parents=True, exist_ok=True)
        click.echo(exports.onnx(found, output / f"{chosen}.onnx"))
