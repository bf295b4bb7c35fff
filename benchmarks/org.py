"""Tables as org-mode writes them."""

from __future__ import annotations

from itertools import dropwhile


def table(cells: list[list[str]]) -> str:
    """Rows of cells, heading first, as an aligned org table."""
    widths = [max(map(len, column)) for column in zip(*cells)]
    heading, *rows = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths))} |"
        for line in cells
    ]
    rule = "|" + "+".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([heading, rule, *rows]) + "\n"


def with_table(text: str, name: str, cells: list[list[str]]) -> str:
    """A page with the table below its line ``#+name: NAME`` written anew."""
    before, mark, after = text.partition(f"#+name: {name}\n")
    if not mark:
        raise ValueError(f"expected a line '#+name: {name}'")
    rest = "".join(dropwhile(lambda line: line.startswith("|"), after.splitlines(True)))
    return f"{before}{mark}{table(cells)}{rest}"
