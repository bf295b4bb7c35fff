"""Printing metrics, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import click


def show_metrics(
    metrics: Mapping[str, Any], classes: Optional[Sequence[Any]], as_json: bool
) -> None:
    """Prints metrics on standard output."""
    if as_json:
        labels = {} if classes is None else {"classes": list(classes)}
        click.echo(json.dumps({**metrics, **labels}, indent=2))
        return
    for name, value in metrics.items():
        if not isinstance(value, list):
            click.echo(f"{name:18} {_number(value)}")
    if classes is not None:
        click.echo("\ntrue class (f1), and how often each class was predicted")
        for label, score, counts in zip(classes, metrics["f1"], metrics["confusion"]):
            found = "  ".join(f"{other}: {count}" for other, count in zip(classes, counts))
            click.echo(f"{label!s:18} {_number(score):8} {found}")


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.6g}"
