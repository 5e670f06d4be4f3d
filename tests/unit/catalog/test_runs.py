from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.base import JournalRow
from snapplan.catalog.owner import current_owner
from snapplan.errors import CatalogError
from snapplan.models.plan import Action, Verb

from .samples import ACCEPTED, ELSEWHERE, NOW, approval, document, expire, observation, snapshot, take

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

MINUTE = timedelta(minutes=1)


def test_runs_are_numbered_and_named_uniquely(catalog: Catalog) -> None:
    runs = [catalog.begin_run("apply", current_owner({}), NOW, None) for _ in range(3)]
    assert [run.number for run in runs] == [1, 2, 3]
    assert all(re.fullmatch(rf"{run.number}-[0-9a-f]{{8}}", run.id) for run in runs)
    assert len({run.id.partition("-")[2] for run in runs}) == 3


def test_a_run_is_listed_with_what_it_did(catalog: Catalog) -> None:
    owner = current_owner({"CI_JOB_ID": "9"})
    run = catalog.begin_run("apply", owner, NOW, "4f2c1e9")
    for number, state in enumerate(["done", "done", "adopted", "failed", "not_tried"], start=1):
        catalog.result(run.number, take(number), state, "", NOW, None)
    catalog.result(run.number, expire(6, snapshot()), "done", "", NOW, None)
    catalog.end_run(run.number, "partial", NOW + MINUTE, confirm=None)
    (row,) = catalog.runs()
    assert row[:3] == (run.number, run.id, "apply")
    assert (row.owner, row.policy_commit, row.state) == (str(owner), "4f2c1e9", "partial")
    assert (row.started_at, row.ended_at) == (NOW, NOW + MINUTE)
    assert row.counts == {"snapshot": 3, "expire": 1, "failed": 1, "not_tried": 1}


def test_the_newest_runs_come_first(catalog: Catalog) -> None:
    for _ in range(5):
        catalog.begin_run("apply", current_owner({}), NOW, None)
    assert [row.number for row in catalog.runs(limit=2)] == [5, 4]


def test_the_journal_keeps_the_last_word_on_each_action(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.intent(run, take(2), NOW)
    catalog.intent(run, take(1), NOW)
    catalog.result(run, take(1), "failed", "no space", NOW + MINUTE, None)
    address = snapshot().address
    assert catalog.journal(run) == [
        JournalRow(run, 1, "snapshot", "dc1/volume/a", address, "failed", "no space", NOW + MINUTE),
        JournalRow(run, 2, "snapshot", "dc1/volume/a", address, "intent", "", NOW),
    ]
    assert catalog.journal(run + 1) == []


def test_what_was_done_is_a_decision_and_what_failed_is_not(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.intent(run, take(), NOW)
    catalog.result(run, take(1), "failed", "", NOW, None)
    assert catalog.state().revision == 0
    catalog.result(run, take(2), "done", "", NOW, snapshot())
    catalog.result(run, expire(3, snapshot()), "done", "", NOW, None)
    assert catalog.state().revision == 2


def test_a_change_or_a_retry_replaces_the_snapshot(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.result(run, take(), "done", "", NOW, snapshot(completed_at=None))
    longer = snapshot(mark=snapshot().mark._replace(expires_at=None))  # type: ignore[union-attr]
    catalog.result(run, Action(2, Verb.CHANGE, "dc1"), "done", "", NOW + MINUTE, longer)
    record = catalog.known("dc1")["s1"]
    assert (record.snapshot, record.expires_at) == (longer, None)


def test_an_expiry_must_say_what_it_expired(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.observe(observation(changed=[snapshot()]))
    with pytest.raises(CatalogError, match="expire action 1 does not say"):
        catalog.result(run, Action(1, Verb.EXPIRE, "dc1"), "done", "", NOW, None)
    assert catalog.journal(run) == [], "nothing of a transaction that failed is kept"


def test_only_a_confirmed_run_raises_the_high_water_mark(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.end_run(run, "done", NOW, confirm=None)
    assert catalog.state().high_water is None
    for at in (NOW, NOW - MINUTE):
        catalog.end_run(run, "done", at, confirm=ACCEPTED)
        assert catalog.state().high_water == NOW


def test_a_confirmed_run_confirms_a_rebuilt_catalog(catalog: Catalog) -> None:
    catalog.replace(catalog.state()._replace(rebuilt=True), NOW)
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.end_run(run, "failed", NOW, confirm=None)
    assert catalog.state().rebuilt
    catalog.end_run(run, "done", NOW, confirm=ACCEPTED)
    assert not catalog.state().rebuilt


def test_runs_of_dead_owners_are_interrupted_when_another_begins(catalog: Catalog) -> None:
    dead = current_owner({})._replace(boot_id="the-boot-before")
    catalog.begin_run("dead", dead, NOW, None)
    catalog.begin_run("alive", current_owner({}), NOW, None)
    catalog.begin_run("unseen, waiting for its lease", ELSEWHERE, NOW, None)
    held = catalog.begin_run("unseen, with a lease", ELSEWHERE, NOW, None)
    lease = catalog.acquire("dc1", held.number, ELSEWHERE, NOW)
    catalog.begin_run("new", current_owner({}), NOW, None)
    assert [row.state for row in reversed(catalog.runs())] == [
        "interrupted",
        "running",
        "running",
        "running",
        "running",
    ]
    catalog.renew(lease, NOW + 2 * MINUTE)
    catalog.begin_run("newer", current_owner({}), NOW + 2 * MINUTE, None)
    states = {row.command: row.state for row in catalog.runs()}
    assert states["unseen, waiting for its lease"] == "interrupted"
    assert states["unseen, with a lease"] == "running"


def test_words_that_are_not_unicode_are_kept_as_escapes(catalog: Catalog) -> None:
    owner = current_owner({"CI_JOB_ID": "9\udcff"})
    run = catalog.begin_run("apply\udcff", owner, NOW, None).number
    catalog.approve_run(run, approval(reason="a\udcff", document=document(where="b\udcff")), NOW)
    catalog.result(run, take(), "failed", "cannot read 'c\udcff'", NOW, None)
    assert catalog.journal(run)[0].text == "cannot read 'c\\udcff'"
    row = catalog.runs()[0]
    assert (row.command, row.reason) == ("apply\\udcff", "a\\udcff")
    assert "GitLab job 9\\udcff" in row.owner
    assert (catalog.approved_plan(run) or {})["where"] == "b\udcff"
    catalog.end_run(run, "failed", NOW, confirm=None)
    assert catalog.verify() == []


def test_secrets_do_not_reach_the_catalog(catalog: Catalog) -> None:
    secret = "https://ada:hunter2@dc1.example.com/"
    owner = current_owner({"BUILD_TAG": secret})
    run = catalog.begin_run(f"apply {secret}", owner, NOW, None).number
    catalog.approve_run(run, approval(reason=secret, document=document(where=secret)), NOW)
    catalog.result(run, take(), "failed", f"{secret} does not answer", NOW, None)
    catalog.save_plan(document(where=secret), owner, NOW)
    catalog.acquire("dc1", run, owner, NOW)
    catalog.unlock("dc1", owner, NOW)
    catalog.end_run(run, "failed", NOW, confirm=None)
    text = "".join(catalog.export_text())
    assert "dc1.example.com" in text
    assert "hunter2" not in text
    assert catalog.verify() == []
