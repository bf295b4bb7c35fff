"""``lnn conformance``: does this installation do what the specification says?"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click


@click.command()
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Of the conformance vectors.  [default: those of the package]",
)
def conformance(folder: Optional[Path]) -> None:
    """Run the conformance vectors and say which ones this installation fails.

    \b
    Example:
      lnn conformance --folder spec/vectors
    """
    from ..conformance import run

    results = run() if folder is None else run(folder)
    failed = [result for result in results if not result.passed]
    for result in failed:
        click.echo(f"FAILED {result.name} ({result.dtype}): {result.message}")
    click.echo(f"{len(results) - len(failed)} of {len(results)} cases passed")
    if failed or not results:
        raise click.exceptions.Exit(1)
