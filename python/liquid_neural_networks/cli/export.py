"""``lnn export MODEL``: a trained network for where there is no Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from ._options import output_option

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..model_file import Model

    Array = npt.NDArray[Any]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["c", "onnx", "html"]),
    default="c",
    show_default=True,
    help="What to write.",
)
@output_option(
    folder=True,
    required=True,
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
@click.option(
    "--numbers",
    type=click.Choice(["float32", "float16", "int16", "int8"]),
    default="float32",
    show_default=True,
    help="float16: constants take half the memory; int16, int8: whole numbers, for processors "
    "without floating point.",
)
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path),
    help="A table of inputs as they will come, to measure the error on (its first 1,000 rows), and "
    "for whole numbers to learn the ranges from.",
)
@click.option(
    "--layout",
    type=click.Choice(["plain", "arduino"]),
    default="plain",
    show_default=True,
    help="arduino: a library of Arduino's and PlatformIO's, with an example sketch.",
)
@click.option(
    "--learn",
    type=click.Choice(["exact", "snap1", "readout"]),
    help="Also write NAME_learn.h and NAME_learn.c: the same network, learning on the device.",
)
def export(
    model: Path,
    to: str,
    output: Path,
    name: Optional[str],
    elapsed_time: Optional[float],
    numbers: str,
    calibrate: Optional[Path],
    layout: str,
    learn: Optional[str],
) -> None:
    """Export MODEL, a .lnn file, as C for a microcontroller, as ONNX, or as a page.

    \b
    Examples:
      lnn export co2.lnn --output firmware
      lnn export pilot.lnn --output firmware --name pilot --elapsed-time 0.02
      lnn export pilot.lnn --output firmware --numbers int16 --calibrate flights.csv
      lnn export pilot.lnn --output libraries/pilot --layout arduino
      lnn export pilot.lnn --output firmware --learn exact
      lnn export co2.lnn --to onnx --output models
      lnn export co2.lnn --to html --output pages

    C: writes NAME.h and NAME.c, strict C99 that needs no library and no heap, and main.c with a
    Makefile to try it here: it reads samples as lines of numbers. NAME.h says how the code is
    used. In a loop on the device:

    \b
      NAME_step(&state, inputs, elapsed_time, outputs);

    ONNX: writes NAME.onnx, of standard operators, for whole batches of sequences: inputs
    (B, T, I), elapsed_time (B, T) and state become outputs (B, T, O) and new_state.

    HTML: writes NAME.html, one page in which the network runs as WebAssembly, with a slider for
    each input; needs clang and wasm-ld.

    A network trained on a table takes and gives numbers in the units of the table.
    """
    # Imported here, as it takes its time: --help needs none of it.
    from .. import export as exports
    from .. import model_file
    from ..export._text import check_name, name_from

    chosen = name_from(model.stem) if name is None else check_name(name)
    found = model_file.load(model)
    if to != "c":
        given = (elapsed_time, numbers, calibrate, layout, learn)
        if given != (None, "float32", None, "plain", None):
            raise click.UsageError(
                "--elapsed-time, --numbers, --calibrate, --layout and --learn are for --to c"
            )
        output.mkdir(parents=True, exist_ok=True)
        write = {"onnx": exports.onnx, "html": exports.html}[to]
        click.echo(write(found, output / f"{chosen}.{to}"))
        return
    if calibrate is not None and numbers == "float32":
        raise click.UsageError("--calibrate is for --numbers float16, int16 and int8")
    table = None if calibrate is None else _inputs(found, calibrate)
    for path in exports.c(
        found,
        output,
        name=chosen,
        elapsed_time=elapsed_time,
        numbers=numbers,
        calibrate=table[0] if table is not None and numbers.startswith("int") else None,
        layout=layout,
        learn=learn,
    ):
        click.echo(path)
    if table is not None:
        inputs, times = (each[:1000] for each in table)
        fixed = times if elapsed_time is None else elapsed_time
        error = exports.error(found, inputs, fixed, numbers=numbers, calibrate=table[0])
        click.echo(f"largest error over {len(inputs)} rows of {calibrate}: {error:.2g}", err=True)


def _inputs(model: Model, path: Path) -> tuple[Array, Array]:
    """(T, I) inputs and (T,) elapsed times in a table."""
    from ..data import Columns, read_table

    table = read_table(path)
    if "columns" in model.metadata:
        columns = Columns.from_dict(model.metadata["columns"])
    else:
        columns = Columns(tuple(table.columns), ())
    series = columns.series(table, targets=False)
    return series.inputs, series.elapsed_time
