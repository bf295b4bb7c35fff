"""The PyTorch part of ``ncps`` 1.0.1, on this library's core: change the import, keep the rest.

    from liquid_neural_networks.compat.ncps import CfC, LTC       # from ncps.torch
    from liquid_neural_networks.compat.ncps.wirings import AutoNCP    # from ncps.wirings

Names, signatures, parameters and their names are those of ``ncps``; its state dicts (and its
optimisers' state) load as they are, and the same seed gives the same initial weights. Numbers agree
to 1e-5. ``docs/migration.org`` lists where the two differ on purpose.
"""

from . import wirings
from ._cfc_cell import CfCCell
from ._layers import LTC, CfC
from ._ltc_cell import LTCCell
from ._wired_cfc_cell import WiredCfCCell

__all__ = ["LTC", "CfC", "CfCCell", "LTCCell", "WiredCfCCell", "wirings"]
