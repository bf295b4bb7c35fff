"""The names of ``ncps.torch``."""

from ._cfc_cell import CfCCell
from ._layers import LTC, CfC
from ._ltc_cell import LTCCell
from ._wired_cfc_cell import WiredCfCCell

__all__ = ["LTC", "CfC", "CfCCell", "LTCCell", "WiredCfCCell"]
