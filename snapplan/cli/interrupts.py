"""What an interrupt does while actions are carried out: the first one stops gently, the second at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan.cli.console import notice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that the first interrupt sets; a second one raises ``KeyboardInterrupt``.

    SIGTERM counts like SIGINT, as a service manager stops a job with it. A signal that whoever started us chose to ignore
    stays ignored: a shell does that for a job in the background, so that a ^C meant for the foreground does not reach it.
    Only the main thread can hear signals; elsewhere the event stays as it is.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def hear(_: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        notice("Interrupted: finishing what is under way. Once more stops at once.")

    heard = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = [signal.signal(number, hear) for number in heard]
    try:
        yield stop
    finally:
        for number, handler in zip(heard, before, strict=True):
            signal.signal(number, handler)
