"""The command line, ``lnn``: every command is a few calls into the library.

Standard output carries results only; progress and messages go to standard error. Exit codes:
0 it worked; 1 it did not, and one line on standard error says why; 2 the command line was
wrong; 130 it was interrupted.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Optional

import click

from .._hints import hint
from ..errors import LiquidError
from ._results import printable

COMMANDS = (
    *("train", "predict", "evaluate", "backtest", "inspect", "explain", "report"),
    *("export", "stream"),
    *("demo", "data", "conformance", "bench", "doctor", "completion"),
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{hint(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise _explained(error) from None
        except BrokenPipeError:  # whoever read our output has seen enough; click handles it
            raise
        except (LiquidError, OSError) as error:
            raise click.ClickException(printable(_told(error))) from None
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            ctx.exit(130)


def _told(error: Exception) -> str:
    """An error as a line; one of the system begins with the file."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return str(error)


def _explained(error: click.NoSuchOption) -> click.UsageError:
    """The same error, with the name that another library's option has here."""
    if error.ctx is None:
        return error
    known = [name for each in error.ctx.command.params for name in each.opts if name[:2] == "--"]
    meant = hint(error.option_name, known)
    if len(error.option_name) == 2:  # a letter
        begin = [name for name in known if name[2] == error.option_name[1]]
        meant = f"; did you mean {', '.join(begin)}?" if begin else ""
    return click.UsageError(f"No such option: {error.option_name}{meant}", error.ctx)


def _show_version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from .._version import VERSION

        click.echo(f"lnn {VERSION}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Liquid neural networks for tables of time series.

    \b
    Train on a table, look at the network, predict:
      lnn train co2.csv --target co2 --time date --output co2.lnn
      lnn inspect co2.lnn
      lnn predict co2.lnn co2.csv --output forecast.csv

    \b
    Put it on a microcontroller:
      lnn train co2.csv --target co2 --time date --baseline none --output small.lnn
      lnn export small.lnn --output firmware

    Every command explains itself: lnn train --help
    """
