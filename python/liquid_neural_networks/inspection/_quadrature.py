"""Integrals over a path of which the exact value at both ends of every piece is known.

Each piece is integrated by the Gauss-Kronrod rule of 15 nodes. What a rule misses of the whole is
known exactly, as the sums of the parts have to be the difference of the ends; what it may miss of
a single part is estimated from the Gauss rule of 7 nodes inside it, as in QUADPACK. Pieces that
miss too much are cut in half.

Source of the rule: Piessens, de Doncker-Kapenga, Ueberhuber, Kahaner, *QUADPACK*, 1983.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional, Union

import torch
from torch import Tensor

_HALF_NODES = (
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144691693013,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
    0.0,
)
_HALF_KRONROD = (
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
)
_HALF_GAUSS = (
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
    0.417959183673469387755102040816327,
)


def _mirrored(half: tuple[float, ...], sign: float = 1.0) -> list[float]:
    return [*(sign * each for each in half), *reversed(half[:-1])]


NODES = torch.tensor(_mirrored(_HALF_NODES, -1.0), dtype=torch.float64)
KRONROD = torch.tensor(_mirrored(_HALF_KRONROD), dtype=torch.float64)
GAUSS = torch.zeros(15, dtype=torch.float64)
GAUSS[1::2] = torch.tensor(_mirrored(_HALF_GAUSS), dtype=torch.float64)

LARGEST_DEPTH = 40
"""How often a piece may be cut in half."""

LOOSER = 100.0
"""How many tolerances a single part may be uncertain by; the estimate is a cautious one."""


class Pieces(NamedTuple):
    """Pieces of the paths of a batch.

    Attributes:
        rows: (P,) the row of the batch.
        starts, ends: (P,) positions on the path, 0 at the baseline and 1 at the inputs.
        depth: (P,) how often it was cut.
    """

    rows: Tensor
    starts: Tensor
    ends: Tensor
    depth: Tensor

    def positions(self) -> Tensor:
        """(P, 15) of the nodes."""
        middle = (self.starts + self.ends) / 2
        half = (self.ends - self.starts) / 2
        return middle.unsqueeze(1) + half.unsqueeze(1) * NODES.to(half.device)

    def halves(self) -> Pieces:
        """Each cut in two."""
        middle = (self.starts + self.ends) / 2
        return Pieces(
            torch.cat([self.rows, self.rows]),
            torch.cat([self.starts, middle]),
            torch.cat([middle, self.ends]),
            torch.cat([self.depth, self.depth]) + 1,
        )

    def followed_by(self, others: Pieces) -> Pieces:
        """These, then others."""
        return Pieces(*(torch.cat(both) for both in zip(self, others)))

    def among(self, chosen: Union[Tensor, slice]) -> Pieces:
        """Those that are chosen, by flags or a slice."""
        return Pieces(*(each[chosen] for each in self))


class Integral(NamedTuple):
    """What was found on each of P pieces, or on P paths.

    Attributes:
        parts: tensors (P, ...), each integrated.
        missed: (P,) the difference of the ends less the sum of the parts: known exactly.
        uncertain: (P,) what the least certain part may lack: an estimate.
    """

    parts: tuple[Tensor, ...]
    missed: Tensor
    uncertain: Tensor

    def added(self, rows: Tensor, more: Integral) -> Integral:
        """With that of pieces of these rows."""
        return Integral(
            tuple(own.index_add(0, rows, each) for own, each in zip(self.parts, more.parts)),
            self.missed.index_add(0, rows, more.missed),
            self.uncertain.index_add(0, rows, more.uncertain),
        )

    def among(self, chosen: Tensor) -> Integral:
        """Of the pieces that are chosen."""
        parts = tuple(each[chosen] for each in self.parts)
        return Integral(parts, self.missed[chosen], self.uncertain[chosen])


def uncertainty(values: Tensor, lengths: Tensor) -> Tensor:
    """(P,) what the least certain of the parts (P, 15, ...) may lack, by QUADPACK's estimate."""
    flat = values.flatten(2)
    half = lengths.view(-1, 1) / 2
    kronrod, gauss = (
        half * torch.einsum("q,pqk->pk", each.to(flat.device), flat) for each in (KRONROD, GAUSS)
    )
    mean = kronrod / (2 * half)
    spread = half * torch.einsum(
        "q,pqk->pk", KRONROD.to(flat.device), (flat - mean.unsqueeze(1)).abs()
    )
    difference = (kronrod - gauss).abs()
    tiny = torch.finfo(flat.dtype).tiny
    scaled = spread * (200 * difference / spread.clamp(min=tiny)).pow(1.5).clamp(max=1.0)
    return torch.where(spread > tiny, scaled, difference).amax(1)


def integrate(
    batch: int,
    device: torch.device,
    measure: Callable[[Pieces], Integral],
    tolerance: float,
    most_pieces: int,
    at_once: int,
) -> tuple[Integral, int]:
    """Integrals over the path of every row, cut where that is needed.

    Args:
        batch: B, paths.
        device: where the pieces are.
        measure: what integrates on pieces.
        tolerance: of what is missed on the path of a row; single parts may be uncertain by
            :data:`LOOSER` times as much.
        most_pieces: for each row; where they do not do, more is missed.
        at_once: pieces whose parts are in memory.

    Returns:
        The integral of each row, and how many pieces were measured.
    """
    waiting = _first_pieces(batch, device)
    total: Optional[Integral] = None
    used = torch.zeros(batch, dtype=torch.long, device=device)
    count = 0
    while len(waiting.rows):
        left = torch.bincount(waiting.rows, minlength=batch)
        pending, waiting = waiting.among(slice(at_once)), waiting.among(slice(at_once, None))
        rows, found = pending.rows, measure(pending)
        count += len(rows)
        used = used + torch.bincount(rows, minlength=batch)
        unfinished = torch.bincount(waiting.rows, minlength=batch) > 0
        if total is None:
            total = _nothing(found, batch)
        whole = total.added(rows, found)
        again = torch.zeros_like(rows, dtype=torch.bool)
        for all_, own, piece, limit in (
            (whole.missed, total.missed, found.missed, tolerance),
            (whole.uncertain, total.uncertain, found.uncertain, LOOSER * tolerance),
        ):
            # Each round may use up a part of what those before have left.
            share = (limit - own.abs()).clamp(min=0.0) / (4 * left.clamp(min=1))
            again |= (unfinished | (all_.abs() > limit))[rows] & (piece.abs() > share[rows])
        again &= (used < most_pieces)[rows] & (pending.depth < LARGEST_DEPTH)
        total = total.added(rows[~again], found.among(~again))
        waiting = pending.among(again).halves().followed_by(waiting)
    assert total is not None
    return total, count


def _first_pieces(batch: int, device: torch.device) -> Pieces:
    """Quarters of every path, if they are few: a large batch costs hardly more than a small one."""
    rows = torch.arange(batch, device=device)
    ends = torch.ones(batch, dtype=torch.float64, device=device)
    pieces = Pieces(rows, torch.zeros_like(ends), ends, torch.zeros_like(rows))
    return pieces.halves().halves() if batch <= 16 else pieces


def _nothing(like: Integral, batch: int) -> Integral:
    parts = tuple(each.new_zeros(batch, *each.shape[1:]) for each in like.parts)
    return Integral(parts, like.missed.new_zeros(batch), like.missed.new_zeros(batch))
