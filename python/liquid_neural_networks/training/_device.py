"""``device=``: where to train."""

from __future__ import annotations

from typing import Union

import torch

from ..errors import OptionError


def check_device(device: Union[str, torch.device]) -> torch.device:
    """A device that torch has here.

    Raises:
        OptionError: there is no such device.
    """
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise OptionError(
            f"{device!r} cannot be used: {reason}; `lnn doctor` says what is here", "device"
        ) from None
    return chosen
