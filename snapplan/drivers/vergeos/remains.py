"""Which profiles took snapshots that are still there, out of the rows of a refresh; pure.

With a profile go its periods, and with a period its ``min_snapshots`` and every trace of whose its snapshots are (API
reference, deleting a profile). So nothing that may be such a snapshot is overlooked: where a volume's does not tell, each
profile that has a period of its name counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.cells import name_of, number
from snapplan.drivers.vergeos.listing import SCHEDULED_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.vergeos.objects import Objects
    from snapplan.drivers.vergeos.reads import SystemRows


def profiles_with_snapshots(rows: SystemRows, objects: Objects) -> frozenset[int]:
    """Return the keys of the profiles whose periods took a snapshot that is there."""
    profiles = {row["$key"]: number(row.get("profile"), "profile") for row in rows.periods}
    by = {row.get("snapshot_period") for table in (rows.machine_snapshots, rows.cloud_snapshots) for row in table}
    found = {profile for period, profile in profiles.items() if period in by}
    return frozenset(found.union(_of_volumes(rows, objects)))


def _of_volumes(rows: SystemRows, objects: Objects) -> Iterator[int]:
    by_name: dict[str, set[int]] = {}
    for row in rows.periods:
        by_name.setdefault(name_of(row), set()).add(number(row.get("profile"), "profile"))
    assigned = {volume.id: volume.profile for volume in objects.volumes.values()}
    taken = {
        (str(row.get("volume")), match["period"])
        for row in rows.volume_snapshots
        if not row.get("created_manually") and (match := SCHEDULED_NAME.fullmatch(name_of(row)))
    }
    for volume, period in taken:
        profiles = by_name.get(period, set())
        current = assigned.get(volume)
        yield from {current} if current in profiles else profiles
