"""The options of a restore: to switch the target off before and on after, and to keep the addresses of network cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.target import POWERED_ON, RestoreMode

if TYPE_CHECKING:
    from collections.abc import Collection

    from snapplan.models.order import RestoreOrder
    from snapplan.models.policy import Restore
    from snapplan.models.target import Capabilities, Target

OPTIONS = ("power_off", "power_on", "preserve_macs")


def asked(entry: Restore | RestoreOrder) -> tuple[str, ...]:
    """Return the options that a restore asks for, in a fixed order."""
    return tuple(name for name in OPTIONS if getattr(entry, name))


def missing(options: Collection[str], capabilities: Capabilities) -> list[str]:
    """Return those of ``options`` that a driver does not have."""
    return [name for name in options if name not in capabilities.restore_options]


def blocker(target: Target, options: Collection[str]) -> str:
    """Return in a sentence what forbids a restore in place, or nothing: ``power_off`` removes that it is powered on."""
    if target.in_place_blocker == POWERED_ON and "power_off" in options:
        return ""
    return target.in_place_blocker


def way_out(target: Target, capabilities: Capabilities) -> str:
    """Return what removes the blocker of a target, as a hint, or nothing."""
    if target.in_place_blocker == POWERED_ON and "power_off" in capabilities.restore_options:
        return "power_off: true (--power-off) lets apply switch it off"
    return ""


def told(options: Collection[str], mode: RestoreMode, live: Target | None, restored: str) -> list[str]:
    """Return in a few words each what the options do; ``live`` is the target in place, ``restored`` what comes of it."""
    words = []
    if "power_off" in options and live is not None and mode is RestoreMode.IN_PLACE:
        now_on = live.in_place_blocker == POWERED_ON
        words.append(f"switches {live.address} off" + ("" if now_on else " if it is on by then"))
    if "power_on" in options:
        words.append(f"switches {restored} on")
    if "preserve_macs" in options:
        words.append("keeps its MAC addresses")
    return words
