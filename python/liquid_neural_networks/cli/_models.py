"""What a ``.lnn`` file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from ..network import LiquidNetwork
    from ..training import Forecaster


def opened(path: Path) -> Union[LiquidNetwork, Forecaster]:
    """The forecaster in a file of lnn train, or else the network in it."""
    # Imported here: torch would slow down every other command and --help.
    from .. import model_file
    from ..network import LiquidNetwork
    from ..training import Forecaster
    from ..training._forecaster import trained_on_table

    found = model_file.load(path)
    if trained_on_table(found.metadata):
        return Forecaster.of(found, path)
    return LiquidNetwork.from_model(found)
