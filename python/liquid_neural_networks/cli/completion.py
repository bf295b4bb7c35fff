"""``lnn completion SHELL``: what makes the tab key complete the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options and their values at the tab key.

    \b
    For every new shell:
      lnn completion bash >> ~/.bashrc
      lnn completion zsh >> ~/.zshrc
      lnn completion fish > ~/.config/fish/completions/lnn.fish
    """
    from . import main

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(main, {}, "lnn", "_LNN_COMPLETE").source())
