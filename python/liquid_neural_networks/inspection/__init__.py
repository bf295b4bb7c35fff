"""Looking inside a network: what it is made of, what it does, and why.

=========================  ======================================================================
function                   what it answers
=========================  ======================================================================
``describe``               what is it made of?
``synapse_currents``       which current flows through each synapse?
``attribute``              which inputs, when, through which synapses and neurons made an output?
``gradient_times_input``   the same in captum's conventions; ``integrated_gradients``,
                           ``occlusion``
``lesions``                what does it do without each neuron or synapse?
``clamp``                  what does it do while neurons are held?
``what_if``                what would it have said to another input?
``time_sensitivity``       how does it depend on time constants and sampling?
``prune``                  which synapses does it hardly need?
``fixed_points``           where does it come to rest? ``slow_points``: where nearly?
``phase_portrait``         where do two neurons go from every point of their plane?
``activity``               which neurons saturate, which synapses never open, how fast is it?
``rules``                  which few questions say what a neuron or an output does?
``formula``                which sum of a few inputs and states says it?
=========================  ======================================================================
"""

from __future__ import annotations

from ._activity import Activity, activity
from ._attribute import Attribution, attribute
from ._clamp import Clamped, clamp
from ._currents import Currents, synapse_currents
from ._describe import Description, Population, describe
from ._fixed_points import FixedPoints, fixed_points, slow_points
from ._formula import Formula, formula
from ._lesions import Lesions, Pruned, lesions, prune
from ._portrait import PhasePortrait, phase_portrait
from ._rules import Rules, rules
from ._saliency import gradient_times_input, integrated_gradients, occlusion
from ._time import TimeSensitivity, time_sensitivity
from ._what_if import WhatIf, what_if

__all__ = [
    "Activity",
    "Attribution",
    "Clamped",
    "Currents",
    "Description",
    "FixedPoints",
    "Formula",
    "Lesions",
    "PhasePortrait",
    "Population",
    "Pruned",
    "Rules",
    "TimeSensitivity",
    "WhatIf",
    "activity",
    "attribute",
    "clamp",
    "describe",
    "fixed_points",
    "formula",
    "gradient_times_input",
    "integrated_gradients",
    "lesions",
    "occlusion",
    "phase_portrait",
    "prune",
    "rules",
    "slow_points",
    "synapse_currents",
    "time_sensitivity",
    "what_if",
]
