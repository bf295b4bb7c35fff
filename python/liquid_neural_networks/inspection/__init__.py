"""Looking inside a network: what it is made of, what it does, and why.

=====================  =========================================================================
function               what it answers
=====================  =========================================================================
``describe``           what is it made of?
``synapse_currents``   which current flows through each synapse?
``attribute``          which inputs, when, through which synapses and neurons made an output?
=====================  =========================================================================
"""

from __future__ import annotations

from ._attribute import Attribution, attribute
from ._currents import Currents, synapse_currents
from ._describe import Description, Population, describe
from ._saliency import gradient_times_input, integrated_gradients, occlusion

__all__ = [
    "Attribution",
    "Currents",
    "Description",
    "Population",
    "attribute",
    "describe",
    "gradient_times_input",
    "integrated_gradients",
    "occlusion",
    "synapse_currents",
]
