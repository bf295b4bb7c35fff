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
from ._clamp import Clamped, clamp
from ._currents import Currents, synapse_currents
from ._describe import Description, Population, describe
from ._lesions import Lesions, Pruned, lesions, prune
from ._saliency import gradient_times_input, integrated_gradients, occlusion
from ._time import TimeSensitivity, time_sensitivity
from ._what_if import WhatIf, what_if

__all__ = [
    "Attribution",
    "Clamped",
    "Currents",
    "Description",
    "Lesions",
    "Population",
    "Pruned",
    "TimeSensitivity",
    "WhatIf",
    "attribute",
    "clamp",
    "describe",
    "gradient_times_input",
    "integrated_gradients",
    "lesions",
    "occlusion",
    "prune",
    "synapse_currents",
    "time_sensitivity",
    "what_if",
]
