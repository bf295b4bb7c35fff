"""The command line, ``lnn``: every command is a few calls into the library.

Standard output carries results only; progress and messages go to standard error. Exit codes:
0 it worked; 1 it did not, and one line on standard error says why; 2 the command line was
wrong; 130 it was interrupted.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

import click

from .. import __version__
from ..errors import LiquidError
from ._results import printable

COMMANDS = (
    *("train", "predict", "evaluate", "backtest", "inspect"),
    *("demo", "data", "conformance", "bench"),
)


class _Commands(click.Group):
    """Imports a command's module when the command is asked for; turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __name__), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read our output has seen enough; click handles it
            raise
        except (LiquidError, OSError) as error:
            raise click.ClickException(printable(error)) from None
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lnn", message="%(prog)s %(version)s")
def main() -> None:
    """Liquid neural networks for tables of time series.

    \b
    Train on a table, look at the network, predict:
      lnn train co2.csv --target co2 --time date --output co2.lnn
      lnn inspect co2.lnn
      lnn predict co2.lnn co2.csv --output forecast.csv

    Every command explains itself: lnn train --help
    """
