"""``snapplan lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, repository

if TYPE_CHECKING:
    from datetime import timedelta


@click.command("lock")
@click.argument("snapshots", nargs=-1, required=True, metavar="SNAPSHOT...")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(snapshots: tuple[str, ...], lock_timeout: timedelta) -> int:
    """Have the platform lock snapshots until they expire (VergeOS: immutable system snapshots).

    A lock holds for everybody, also for administrators of the platform and for snapplan. It ends when the snapshot expires
    or, on VergeOS, a week after it is unlocked. What keeps a snapshot from snapplan alone is a pin.

    \b
    Examples:
      snapplan lock dc1/cloud@gold.daily.20261121T0200Z
    """
    from snapplan.cli.ordering import order_locks

    return order_locks(snapshots, lock=True, lock_timeout=lock_timeout)
