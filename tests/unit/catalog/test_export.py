from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from snapplan.catalog import export
from snapplan.catalog.base import AssignmentRow
from snapplan.catalog.migrate import migrations
from snapplan.models.snapshot import Pin
from snapplan.models.world import ManualKey, ManualRecord, RestoreRecord, Tracked, Triple

from .samples import (
    DAILY,
    ELSEWHERE,
    HOURLY,
    NOW,
    accept,
    approval,
    begin,
    document,
    mark,
    observation,
    snapshot,
    take,
    target,
)

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

SINCE = "2026-11-22T02:15:00Z"


def fill(catalog: Catalog) -> None:
    state = catalog.state()._replace(
        profiles={"gold": {"periods": {"daily": {"hour": 2}}}},
        tracked={DAILY: Tracked(NOW, NOW)},
        orphaned={Triple("dc1", "id-b", "old", "daily"): NOW},
        manual={ManualKey("dc1", "id-a", "k"): ManualRecord(NOW)},
        restores={"r": RestoreRecord("", "done", "1-a")},
    )
    catalog.replace(state, NOW, [AssignmentRow("dc1", "id-a", "gold", "all", NOW)])
    pinned = snapshot("s2", mark=mark(pin=Pin("ada", "audit")), contains=("vm/web",), quiesced=True)
    catalog.observe(observation(changed=[snapshot(), pinned], targets=[target(tags=frozenset({"x"}))]))
    catalog.record_missed([(HOURLY, NOW)], NOW)
    catalog.save_plan(document(), ELSEWHERE, NOW)
    catalog.count_requests("dc1", NOW, 13)
    run = begin(catalog)
    catalog.acquire("dc1", run, ELSEWHERE, NOW)
    catalog.approve_run(run, approval(allowed=("SP301",), reason="CHG-1"), NOW)
    catalog.result(run, take(), "done", "", NOW, None)
    accept(catalog)
    with catalog._connection.write() as db:  # type: ignore[attr-defined]
        db.execute("INSERT INTO succession VALUES ('dc1', 'id-old', 'id-a', 1)")
        db.execute("INSERT INTO accepted VALUES ('dc1/vm/a', 'content', 'empty', 'moved', 1, 1)")
        db.execute("INSERT INTO blocked VALUES ('SP301', 'dc1/vm/a@x', 1, 1)")


def test_everything_is_exported_as_plain_data(catalog: Catalog) -> None:
    fill(catalog)
    exported = catalog.export()
    assert list(exported) == ["format", "catalog", *export.TABLES]
    assert all(exported.values()), "each table has something to show"
    assert exported["format"] == "snapplan.catalog/1.0"
    assert exported["catalog"]["high_water"] == SINCE
    assert exported["catalog"]["guards"] == {"max_unassign": {"percent": 10}}
    assert exported["profiles"][0]["document"] == {"periods": {"daily": {"hour": 2}}}
    assert exported["missed"][0]["slot"] == SINCE
    first, second = exported["snapshots"]
    assert (first["native_id"], first["gone_at"], first["expired"], first["quiesced"]) == ("s1", None, False, None)
    assert (second["quiesced"], second["contains"], second["mark_pin"]) == (True, ["vm/web"], ["ada", "audit", None])
    assert exported["targets"][0]["tags"] == ["x"]
    assert exported["runs"][0]["allowed"] == ["SP301"]
    assert exported["journal"][0]["foreseen"] is True
    assert exported["approved_plans"] == [{"run": 1, "document": document()}]
    assert exported["record"][0]["body"]["project"] == "prod"


def test_an_empty_catalog_is_exported_too(catalog: Catalog) -> None:
    exported = catalog.export()
    assert [row["kind"] for row in exported["record"]] == ["created"]
    assert all(exported[name] == [] for name in export.TABLES if name != "record")


def test_the_text_comes_in_pieces_and_is_the_same(catalog: Catalog) -> None:
    fill(catalog)
    pieces = list(catalog.export_text())
    assert len(pieces) > 2 * len(export.TABLES)
    assert json.loads("".join(pieces)) == catalog.export()


def test_no_table_is_left_out() -> None:
    scripts = "".join(file.read_text() for _, file in migrations())
    tables = set(re.findall(r"CREATE TABLE (\w+)", scripts)) - {"meta"}
    read = " ".join(export.TABLES.values())
    assert {table for table in tables if not re.search(rf"(FROM|JOIN) {table}\b", read)} == set()


def test_each_instant_and_flag_is_one_of_a_column() -> None:
    scripts = "".join(file.read_text() for _, file in migrations())
    for name in sorted(export.INSTANTS | export.FLAGS | export.DOCUMENTS):
        assert re.search(rf"\b{name} (INTEGER|TEXT|REAL)", scripts), f"no table has a column {name}"
