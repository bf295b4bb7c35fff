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
    except (RuntimeError, AssertionError, TypeError) as error:
        raise _refusal(device, str(error).partition("\n")[0]) from None
    if chosen.type == "meta":
        raise _refusal(device, "it has shapes but no numbers to train on")
    return chosen


def _refusal(device: object, reason: str) -> OptionError:
    return OptionError(
        f"{device!r} cannot be used: {reason}; `lnn doctor` says what is here", "device"
    )
