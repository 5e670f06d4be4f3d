"""What an apply leaves: the system's rows and the catalog's records, without what every run has of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snapplan.catalog.open import open_catalog
from snapplan.devtools.vergeos.rules.system import System
from snapplan.drivers.vergeos.marks import line_of, text_of

from .scenario import PROJECT

OF_EACH_RUN = frozenset({"run", "set", "step"})
"""Members of a mark or a restore's record: which run wrote it, and how far a restore had come that is done."""
OF_EACH_ROW = frozenset({"$key", "id", "uuid", "machine_uuid", "original_key", "macaddress", "modified"})
"""Columns that are given out in the order of the requests, and when a row was written last."""
ACCOUNTS = frozenset({"logs"})
"""Tables that tell what was asked, not what is there."""
CAPTURE = "_capture"
"""What a system snapshot holds is the system at that moment, and a restore that failed before it was done after it."""
IMAGE = "_image"
"""The rows that a snapshot of a VM holds; their keys differ, and the digests of their drives must not."""

SAFETY = "pre-restore."
ANOTHER = re.compile(rf"({re.escape(SAFETY)}[a-z-]+)\.\d{{8}}T\d{{4}}Z")
"""A restore that is begun anew takes a safety copy of its own, as what it replaces may have changed: here it has not."""

Remains = dict[str, Counter[str]]
"""How often each thing is there, by table or by part of the catalog."""


def remains(system: System, root: Path) -> Remains:
    """Return everything that is there now."""
    return {**_rows(system), **_records(root)}


def differences(found: Remains, expected: Remains) -> list[str]:
    """Say what is there and should not be, and the other way round; of a safety copy there may be a second one."""
    told = []
    for part in sorted(found.keys() | expected.keys()):
        wanted = expected.get(part, Counter())
        there = Counter(
            {
                what: wanted[what] if SAFETY in what and n == wanted[what] + 1 else n
                for what, n in found.get(part, Counter()).items()
            }
        )
        told += [f"{part}: {times}x too much {what}" for what, times in (there - wanted).items()]
        told += [f"{part}: {times}x missing {what}" for what, times in (wanted - there).items()]
    return told


def _rows(system: System) -> Remains:
    found: Remains = {}
    for table, row in system.store.everything():
        if table not in ACCOUNTS:
            found.setdefault(table, Counter())[_text(_normal(system, table, row))] += 1
    return found


def _normal(system: System, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    refers = {column.name: column.table for column in system.tables[table].columns if column.kind == "row"}
    normal: dict[str, Any] = {}
    for name, value in row.items():
        if name in OF_EACH_ROW or name == CAPTURE:
            continue
        if name == IMAGE:
            normal[name] = sorted(_digests(value))
        elif name == "description":
            normal[name] = [text_of(value), _own_free(line_of(value) or {})]
        else:
            normal[name] = _called(system, refers[name], value) if name in refers else value
    if table == "settings" and row["key"] == "system_snapshot_profile":
        normal["value"] = _called(system, "snapshot_profiles", int(row["value"] or 0))
    return normal


def _called(system: System, table: str, key: Any) -> Any:
    row = system.row(table, key) if table in system.tables and key is not None else None
    return None if key is None else f"{table}/{row.get('name', '')}" if row is not None else f"{table}/?"


def _digests(image: Any) -> Iterator[str]:
    """Yield the digests of all bytes that an image holds."""
    if isinstance(image, Mapping):
        for name, value in image.items():
            if name in ("_contents", "contents") and value:
                yield value
            else:
                yield from _digests(value)
    elif isinstance(image, (list, tuple)):
        for value in image:
            yield from _digests(value)


def _own_free(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in OF_EACH_RUN}


def _text(thing: Any) -> str:
    return ANOTHER.sub(r"\1", json.dumps(thing, sort_keys=True, default=str))


def _records(root: Path) -> Remains:
    catalog = open_catalog("sqlite:///catalog.db", project=PROJECT, base=root)
    try:
        state, known = catalog.state(), catalog.known("dc1")
    finally:
        catalog.close()
    parts: dict[str, Iterator[Any]] = {
        "profiles": iter(sorted(state.profiles.items())),
        "tracked": ((*triple, *tracked) for triple, tracked in state.tracked.items()),
        "assigned": iter(state.assigned.items()),
        "orphaned": iter(state.orphaned.items()),
        "manual": ((*key, *record) for key, record in state.manual.items()),
        "restores": ((key, record.content, record.state) for key, record in state.restores.items()),
        "known": ((r.snapshot.address, r.snapshot.mark and r.snapshot.mark.expires_at) for r in known.values()),
    }
    return {f"catalog {name}": Counter(map(_text, things)) for name, things in parts.items()}
