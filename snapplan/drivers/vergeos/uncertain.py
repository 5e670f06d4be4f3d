"""What no source tells for certain of the platform, and what one system shows of it (API reference, open questions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.base import CheckFinding
from snapplan.drivers.vergeos.failures import ReadError
from snapplan.drivers.vergeos.probes import (
    NOT_OFFERED,
    PLACES,
    VOLUME_ACTIONS,
    VOLUME_RESTORE,
    WHOLE_RESTORE,
    columns,
    restores_volumes,
)
from snapplan.drivers.vergeos.profiles import PARTIAL_COLUMNS
from snapplan.drivers.vergeos.system_profile import system_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.vergeos.api import Api, Row

OK, NOTE, WARNING = "ok", "note", "warning"
PERIODS = "snapshot_profile_periods"
KNOWN_PERIOD_COLUMNS = frozenset(
    {
        *(
            "$key",
            "profile",
            "name",
            "frequency",
            "minute",
            "hour",
            "day_of_week",
            "day_of_month",
            "month",
            "retention",
        ),
        *("max_tier", "quiesce", "min_snapshots", "immutable", "estimated_snapshot_count", *PARTIAL_COLUMNS),
    }
)


class Seen(NamedTuple):
    """What a check has read: rows by table; a table that may not be read is not there."""

    api: Api
    rows: dict[str, list[Row]]


def settled(seen: Seen) -> Iterator[CheckFinding]:
    """Yield what the system shows of each uncertain point; raises ``UnreachableError`` where it stops answering."""
    yield _system_profile(seen)
    yield from _periods(seen)
    yield _forever(seen)
    yield _volume_restore(seen)
    yield _system_restore(seen)
    for table in ("machine_snapshots", "volume_snapshots"):
        yield _expires_type(seen, table)
    yield _agents(seen)
    yield _time_zone(seen)


def _system_profile(seen: Seen) -> CheckFinding:
    found = system_profile(seen.rows.get("settings"), seen.rows.get("snapshot_profiles", []))
    if found.blocker:
        return CheckFinding(WARNING, "system profile", found.blocker)
    how = "name" if found.by_name else "key"
    now = f"now {found.value!r}" if found.value else "now none"
    return CheckFinding(OK, "system profile", f"setting {found.setting}, which holds a profile's {how}; {now}")


def _periods(seen: Seen) -> Iterator[CheckFinding]:
    schema, refused = _schema(seen.api, PERIODS)
    present = set(columns(schema)) or {column for row in seen.rows.get(PERIODS, []) for column in row}
    if not present:
        yield CheckFinding(NOTE, "period columns", f"neither a schema ({refused}) nor any period shows them")
        return
    missing = [column for column in PARTIAL_COLUMNS if column not in present]
    if missing:
        yield CheckFinding(NOTE, "period columns", f"periods have no {', '.join(missing)}: these cannot be scheduled")
    else:
        yield CheckFinding(OK, "period columns", f"periods have {', '.join(PARTIAL_COLUMNS)}")
    others = ", ".join(sorted(present - KNOWN_PERIOD_COLUMNS)) or "none"
    text = f"how one keeps its date is not known, so that they are left alone; columns nobody knows: {others}"
    yield CheckFinding(NOTE, "custom periods", text)


def _forever(seen: Seen) -> CheckFinding:
    subject = "retention for ever"
    profiles = {row.get("$key") for row in seen.rows.get("snapshot_profiles", []) if row.get("name") == "HIPAA"}
    periods = [row for row in seen.rows.get(PERIODS, []) if row.get("profile") in profiles]
    yearly = [row.get("retention") for row in periods if row.get("frequency") == "yearly"]
    if not yearly:
        return CheckFinding(
            NOTE, subject, "written as 0; the shipped profile HIPAA, which would confirm it, is not there"
        )
    if yearly[0] == 0:
        return CheckFinding(OK, subject, "0, as in the shipped profile HIPAA")
    text = f"the shipped profile HIPAA keeps its yearly snapshots {yearly[0]} s, so that 0 may not mean for ever here"
    return CheckFinding(WARNING, subject, text)


def _volume_restore(seen: Seen) -> CheckFinding:
    subject = "restore of a volume"
    schema, refused = _schema(seen.api, VOLUME_ACTIONS)
    if restores_volumes(schema):
        return CheckFinding(OK, subject, f"offered: {VOLUME_ACTIONS} has it")
    why = f" ({VOLUME_ACTIONS}: {refused})" if refused else ""
    return CheckFinding(NOTE, subject, f"{NOT_OFFERED}{PLACES[VOLUME_RESTORE]}{why}")


def _system_restore(seen: Seen) -> CheckFinding:
    schema, refused = _schema(seen.api, "cloud_restore")
    has = ", ".join(sorted(columns(schema))) or "nothing that is understood"
    table = f"table cloud_restore: {refused}" if schema is None else f"table cloud_restore has {has}"
    return CheckFinding(
        NOTE, "restore of the system", f"never done by snapplan; in the UI at {PLACES[WHOLE_RESTORE]}; {table}"
    )


def _expires_type(seen: Seen, table: str) -> CheckFinding:
    subject = f"{table}.expires_type"
    rows = seen.rows.get(table, [])
    if not rows:
        return CheckFinding(NOTE, subject, "there is no snapshot to see it on")
    stored = "stored" if "expires_type" in rows[0] else "not stored; expires alone tells"
    return CheckFinding(OK, subject, stored)


def _agents(seen: Seen) -> CheckFinding:
    running = [row for row in seen.rows.get("vms", []) if row.get("running")]
    if not running:
        return CheckFinding(NOTE, "guest agents", "no VM is running to see one on")
    if any("agent_version" in row for row in running):
        return CheckFinding(OK, "guest agents", "told with the VMs")
    return CheckFinding(NOTE, "guest agents", "not told with the VMs: a refresh makes one more request for them")


def _time_zone(seen: Seen) -> CheckFinding:
    keys = [(str(row.get("key", "")), row.get("value")) for row in seen.rows.get("settings", [])]
    zones = [f"{key} is {value!r}" for key, value in keys if "timezone" in key.replace("_", "").casefold()]
    told = "; ".join(zones) if zones else "no setting tells which"
    return CheckFinding(NOTE, "time zone", f"the times of periods are taken for the system's own time zone; {told}")


def _schema(api: Api, table: str) -> tuple[Row | None, str]:
    """Return the schema of a table, or why there is none."""
    try:
        return api.shown_schema(table), ""
    except ReadError as error:
        if error.status == 403:
            return None, "schemas are shown to administrators only"
        if error.status in (400, 404, 405, 422):
            return None, f"no schema, HTTP {error.status}"
        raise
