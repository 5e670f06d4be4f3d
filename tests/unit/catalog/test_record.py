from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from snapplan.catalog.base import Catalog
from snapplan.catalog.open import open_catalog
from snapplan.catalog.record import canonical, chained, storable
from snapplan.catalog.sqlite import RECORD_PAGE

from .samples import NOW, PROJECT, accept, approval, begin

RUNS = """
import sys
from pathlib import Path
from snapplan import clock
from snapplan.catalog.base import Acceptance, Approval
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
name = sys.argv[2]
catalog = open_catalog("sqlite:///c.db", project="prod", base=Path(sys.argv[1]))
sys.stdin.read()
for number in range(8):
    run = catalog.begin_run("apply", current_owner(), clock.now(), None).number
    plan = {"id": f"{name}-{number}", "digest": name, "as_of": "2026-01-01T00:00:00Z", "summary": {}, "actions": [1]}
    catalog.approve_run(run, Approval(plan), clock.now())
    catalog.end_run(run, "done", clock.now(), confirm=Acceptance({}, frozenset(), None))
catalog.close()
"""


def test_the_hash_of_an_entry_is_what_it_was_always() -> None:
    """Catalogs that were written long ago must still verify: neither the form nor the hash may ever change."""
    body = {"ü": 1, "a": [None, True, "x y"]}
    text = '["abc",7,1795313700,"ended",3,{"a":[null,true,"x y"],"ü":1}]'
    expected = "6b08ab8c4214ceaada18f17fa3cb1e436afa7095b81ec89a5dfb8334f1492793"
    assert hashlib.sha256(text.encode()).hexdigest() == expected
    assert chained("abc", 7, 1795313700, "ended", 3, canonical(body)) == expected
    assert canonical(json.loads(text)) == text


def test_the_record_begins_with_the_catalog_and_grows_with_each_run(catalog: Catalog) -> None:
    begin(catalog)
    created, begun = catalog.records()
    assert (created.number, created.kind, created.previous) == (1, "created", "")
    assert created.body == {"id": catalog.state().id, "project": PROJECT, "runs_before": 0}
    assert (begun.number, begun.kind, begun.run, begun.at, begun.previous) == (2, "begun", 1, NOW, created.hash)
    assert begun.body["commit"] == "4f2c1e9"
    assert begun.body.keys() == {"id", "command", "commit", "user", "host", "pid", "job"}
    assert catalog.record_head() == (2, begun.hash)


def test_a_long_record_comes_in_pages(catalog: Catalog) -> None:
    for _ in range(RECORD_PAGE // 2 + 1):
        accept(catalog)
    numbers = [row.number for row in catalog.records()]
    assert numbers == list(range(1, 2 * (RECORD_PAGE // 2 + 1) + 2))
    assert catalog.verify() == []


def test_opening_again_adds_nothing(tmp_path: Path) -> None:
    for _ in range(3):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    assert [row.kind for row in catalog.records()] == ["created"]
    catalog.close()


def test_a_rebuilt_catalog_says_so_under_its_new_name(catalog: Catalog) -> None:
    begin(catalog)
    before = catalog.state()
    catalog.replace(before._replace(guards={}), NOW)
    last = list(catalog.records())[-1]
    assert (last.kind, last.body["id"]) == ("rebuilt", catalog.state().id)
    assert catalog.state().id != before.id
    assert catalog.verify() == []


def test_a_rebuild_does_not_loosen_confirmed_guards(catalog: Catalog) -> None:
    accept(catalog)
    confirmed = catalog.state()
    catalog.replace(confirmed._replace(guards={}, commit=None), NOW)
    assert (catalog.state().guards, catalog.state().commit) == (confirmed.guards, confirmed.commit)
    assert catalog.state().boot_seconds is None


def test_what_is_kept_for_people_is_unicode_without_secrets() -> None:
    assert storable("all well, ünï") == "all well, ünï"
    assert storable("a\udcff at ssh://ada:hunter2@nas") == "a\\udcff at ssh://ada:***@nas"


def test_an_approval_is_recorded_without_the_document(catalog: Catalog) -> None:
    run = begin(catalog)
    catalog.approve_run(run, approval(allowed=("SP301",), reason="CHG-1"), NOW)
    (body,) = [row.body for row in catalog.records() if row.kind == "approved"]
    assert (body["plan"], body["digest"], body["counts"]) == ("p1", "d1", {"snapshot": 1})
    assert (body["saved"], body["resumes"], body["uses"]) == (True, None, True)
    assert (body["allowed"], body["reason"]) == (["SP301"], "CHG-1")
    assert len(body["document"]) == 64, "its hash"


def test_eight_processes_write_one_chain(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUNS, str(tmp_path), f"p{number}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(8)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 8
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    assert len(catalog.runs(limit=100)) == 64
    assert [row.number for row in catalog.records()] == list(range(1, 1 + 1 + 3 * 64))
    assert catalog.verify() == []
    catalog.close()
