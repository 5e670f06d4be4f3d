"""``snapplan pin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, INSTANT, repository

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@click.command("pin")
@click.argument("snapshot")
@click.option("--reason", required=True, help="Why it must stay.")
@click.option("--until", type=INSTANT, metavar="INSTANT", help="When the pin ends (default: when it is unpinned).")
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(snapshot: str, reason: str, until: datetime | None, lock_timeout: timedelta) -> int:
    """Keep a snapshot whatever its retention says, until it is unpinned.

    \b
    Examples:
      snapplan pin lab/vm/web-01@gold.daily.20261121T0200Z --reason "audit 2026-7"
      snapplan pin lab/vm/web-01@gold.daily.20261121T0200Z --reason hold --until 2027-01-01T00:00Z
    """
    import getpass

    from snapplan.cli.ordering import order_pin
    from snapplan.models.snapshot import Pin

    return order_pin(snapshot, Pin(getpass.getuser(), reason, until), lock_timeout)
