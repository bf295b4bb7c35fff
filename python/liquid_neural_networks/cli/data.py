"""``lnn data``: the published tasks and their files."""

from __future__ import annotations

import click

from ..errors import DataError


@click.group()
def data() -> None:
    """List and download the data of published tasks.

    \b
    Example:
      lnn data list
      lnn data fetch half_cheetah

    The library ships no data. Files are looked for in the folder named by the environment
    variable LNN_DATA (one folder per task), then in your cache.
    """


@data.command("list")
def list_() -> None:
    """Name, folder, licence and subject of every task."""
    from ..tasks import TASKS, find

    for task in TASKS.values():
        try:
            place = str(find(task.name, download=False))
        except DataError:
            place = "not here; " + ("fetch" if task.download else "download by hand")
        click.echo(f"{task.name}\t{place}\n    {task.summary}")
        click.echo(f"    {task.size}; measured by {task.metric}; licence: {task.licence}")
        click.echo(f"    {task.source}")


@data.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Download the files of task NAME, unless they are here, and print their folder."""
    from ..tasks import find

    click.echo(find(name))
