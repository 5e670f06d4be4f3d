"""When a ``memory`` backend that expires by itself deletes a snapshot: what a driver of such a platform writes on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.target import PLATFORM_MARGIN

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.snapshot import Mark


def deadline(mark: Mark, not_before: datetime | None = None) -> datetime | None:
    """Return the expiration to write for ``mark`` (UTC): the exact one and the margin, ``None`` (never) under a pin.

    ``not_before`` is the backend's time when a mark is changed: what stays although it is over gets the margin from then.
    """
    if mark.expires_at is None or mark.pin is not None:
        return None
    exact = mark.expires_at if not_before is None else max(mark.expires_at, not_before)
    return exact + PLATFORM_MARGIN
