"""What else than its wall clock this machine knows of the time.

A wall clock that runs ahead lets everything expire, so that nothing does while another clock proves it wrong, and a jump
of more than a day is believed only where another clock agrees. In this order, the first that can be had: the time since the
last confirmed apply on the same boot, sleep included; that the kernel says that NTP keeps the wall clock right (Linux).
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan import clock

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.world import CatalogState

BELIEVED_FOR = timedelta(days=1)
"""So long after a confirmed apply nobody needs a second clock."""
STA_UNSYNC = 0x0040
"""Set in ``status`` of ``ntp_adjtime(3)`` while nothing keeps the clock right."""


def reading(now: datetime, state: CatalogState) -> datetime | None:
    """Return what this machine's second clock says (UTC), or ``None`` where it has none.

    ``now`` is what the wall clock says, ``state`` what the last confirmed apply recorded. The kernel is asked only more
    than a day after it: until then nobody needs to hear that it agrees. While ``SNAPPLAN_NOW`` sets the clock, the second
    is ``SNAPPLAN_SECOND_CLOCK``.
    """
    if state.high_water is None:
        return None
    counted = clock.second(state.high_water, state.boot_id, state.boot_seconds)
    if counted is not None or os.environ.get(clock.NOW_VARIABLE) or now - state.high_water <= BELIEVED_FOR:
        return counted
    return now if kernel_is_synchronised() else None


def kernel_is_synchronised() -> bool:
    """Whether the kernel says that something such as an NTP daemon keeps its clock right (``ntp_adjtime(3)``)."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    # struct timex begins with: unsigned modes; long offset, freq, maxerror, esterror; int status. It is 208 bytes long.
    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_char * 256),
        )

    state = Timex()
    try:
        answer = ctypes.CDLL(None).ntp_adjtime(ctypes.byref(state))
    except (OSError, AttributeError):
        return False
    return answer >= 0 and not state.status & STA_UNSYNC
