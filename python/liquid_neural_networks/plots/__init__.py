"""Pictures of a network and of what it does, with matplotlib.

Every function draws on the ``axes`` it is given, or on those of a new figure, and returns the
axes; :func:`save` writes the picture. Nothing here opens a window: figures are outside pyplot's
registry, so they need no display and no closing.

Colours are those of Okabe and Ito, which differ with any colour vision.
"""

from .._extras import missing

try:
    import matplotlib  # noqa: F401
except ImportError:
    raise missing("matplotlib", "plots") from None

from ._attribution import plot_attribution
from ._figure import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, save
from ._forecast import plot_forecast
from ._history import plot_history
from ._neurons import plot_states, plot_time_constants
from ._wiring import plot_wiring

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PINK",
    "SKY",
    "plot_attribution",
    "plot_forecast",
    "plot_history",
    "plot_states",
    "plot_time_constants",
    "plot_wiring",
    "save",
]
