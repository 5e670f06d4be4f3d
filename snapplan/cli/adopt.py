"""``snapplan adopt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapplan.cli.options import DURATION, EXPIRATION, repository

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@click.command("adopt")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS|BACKEND...")
@click.option(
    "--store",
    metavar="OLD_ID",
    help="Take over all snapshots of BACKEND whose marks say that they were made in this store: it was moved here.",
)
@click.option(
    "--expires",
    type=EXPIRATION,
    metavar="WHEN",
    help="When snapshots expire: a duration from now on, an instant, or never.",
)
@click.option(
    "--lock-timeout", type=DURATION, default="60s", show_default=True, help="How long to wait for another apply."
)
@repository
def command(
    addresses: tuple[str, ...], store: str | None, expires: timedelta | datetime | str | None, lock_timeout: timedelta
) -> int:
    """Make foreign snapshots ours, so that they expire when you say; or a platform's profile, for the policy to change.

    An adopted snapshot is a manual one: it has the expiration given here and no minimum, and it satisfies no slot. A pin
    that another project set on it stays. Its data is not touched.

    Snapshots that were moved or copied from another store are foreign. With --store they become those of the backend's
    store again as they were: with their slots, expirations, minima and pins.

    A profile of a platform's own schedule is BACKEND/profile/NAME. Its periods stay as they are until an apply.

    \b
    Examples:
      snapplan adopt lab/vm/web-01@before-upgrade --expires 30d
      snapplan adopt lab/vm/web-01@other.daily.20261121T0200Z --expires never
      snapplan adopt 'dc1/profile/System Snapshots'
      snapplan adopt --store 4f1d0c7be23c4b0d8f4a8c51d2f5b7aa lab
    """
    from snapplan.cli.ordering import adopt, adopt_store

    if store is not None:
        return adopt_store(addresses, store, lock_timeout)

    return adopt(addresses, expires, lock_timeout)
