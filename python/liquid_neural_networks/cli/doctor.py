"""``lnn doctor``: what runs here, and what to do about the rest."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Show versions and what of this library runs here, and what to do about the rest.

    \b
    Example:
      lnn doctor
    """
    # Imported here: torch would slow down every other command and --help.
    from ..diagnosis import diagnose

    for name, found, remedy in diagnose():
        click.echo(f"{'!' if remedy else ' '} {name:<23} {found or 'missing'}")
        if remedy:
            click.echo(f"{'':25} -> {remedy}")
