"""The names of ``ncps.torch``."""

from ._cells import CfCCell, LTCCell, WiredCfCCell
from ._layers import LTC, CfC

__all__ = ["LTC", "CfC", "CfCCell", "LTCCell", "WiredCfCCell"]
