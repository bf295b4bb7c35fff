"""Which synapses exist: wirings, and the recipes that grow them.

>>> from liquid_neural_networks import wiring
>>> pilot = wiring.ncp(inter=12, command=6, motor=1).build(input_size=32)
>>> pilot.units, pilot.synapse_count > 0
(19, True)
"""

from ._recipes import (
    RECIPES,
    Recipe,
    auto_ncp,
    c_elegans,
    fully_connected,
    ncp,
    random,
    recipe,
)
from ._wiring import Wiring

__all__ = [
    "RECIPES",
    "Recipe",
    "Wiring",
    "auto_ncp",
    "c_elegans",
    "fully_connected",
    "ncp",
    "random",
    "recipe",
]
