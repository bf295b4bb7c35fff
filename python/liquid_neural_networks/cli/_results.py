"""Printing metrics, for people or as JSON."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Optional

import click

GROUPED = ("baselines", "seeds", "levels", "coverage", "mse_by_step", "f1", "confusion")
"""Metrics that are no single number."""


def show_metrics(
    metrics: Mapping[str, Any],
    measure: str,
    verdict: str,
    classes: Optional[Sequence[Any]],
    as_json: bool,
) -> None:
    """Prints metrics on standard output, and in words whether they are worth anything.

    Args:
        measure: the one that is compared with baselines.
    """
    if as_json:
        labels = {} if classes is None else {"classes": list(classes)}
        click.echo(json.dumps({**metrics, "verdict": verdict, **labels}, indent=2))
        return
    for name, value in metrics.items():
        if name not in GROUPED:
            click.echo(f"{name:18} {_number(value)}")
    for level, share in zip(metrics.get("levels", ()), metrics.get("coverage", ())):
        click.echo(f"{f'below q{100 * level:g}':18} {_number(share)}")
    for step, value in enumerate(metrics.get("mse_by_step", ()), start=1):
        click.echo(f"{f'mse, {step} ahead':18} {_number(value)}")
    if classes is not None:
        click.echo("\ntrue class (f1), and how often each class was predicted")
        for label, score, counts in zip(classes, metrics["f1"], metrics["confusion"]):
            found = "  ".join(f"{printable(c)}: {count}" for c, count in zip(classes, counts))
            click.echo(f"{printable(label):18} {_number(score):8} {found}")
    _show_seeds(metrics.get("seeds"), measure)
    show_baselines(metrics, measure)
    click.echo(f"\n{verdict}")


def show_baselines(metrics: Mapping[str, Any], measure: str) -> None:
    """Prints what simple forecasts reach by the same metric."""
    if metrics["baselines"]:
        click.echo(f"\nbaselines ({measure})")
    for name, found in metrics["baselines"].items():
        click.echo(f"{name:18} {_number(found[measure])}")


def _show_seeds(seeds: Optional[Mapping[str, Any]], measure: str) -> None:
    if seeds is None:
        return
    click.echo(f"\nseed   validation loss   {measure}")
    for seed, loss, value in zip(seeds["seed"], seeds["valid_loss"], seeds[measure]):
        click.echo(f"{seed:<6} {_number(loss):17} {_number(value)}")


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Inside, warnings are printed as one line each on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
        yield


def printable(text: object) -> str:
    """Text out of a file from a stranger, as a terminal may be shown it: no control characters."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(text))


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.6g}"
