"""Tables as org-mode writes them."""

from __future__ import annotations


def table(cells: list[list[str]]) -> str:
    """Rows of cells, heading first, as an aligned org table."""
    widths = [max(map(len, column)) for column in zip(*cells)]
    heading, *rows = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths))} |"
        for line in cells
    ]
    rule = "|" + "+".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([heading, rule, *rows]) + "\n"
