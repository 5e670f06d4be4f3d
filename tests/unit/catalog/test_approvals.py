from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.approvals import KEPT_DOCUMENTS, KEPT_PLANS
from snapplan.errors import CatalogError, PlanStaleError

from .samples import ELSEWHERE, NOW, approval, begin, document

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

HOUR = timedelta(hours=1)


def test_what_was_approved_is_known_with_its_reason(catalog: Catalog) -> None:
    run = begin(catalog)
    assert catalog.approved_plan(run) is None
    asked = approval(allowed=("SP305", "SP301"), reason="CHG-1 at https://ada:hunter2@git.example.com/x")
    catalog.approve_run(run, asked, NOW)
    assert catalog.approved_plan(run) == asked.document
    row = catalog.run(run)
    assert row is not None
    assert (row.plan_digest, row.allowed) == ("d1", ("SP301", "SP305"))
    assert row.reason == "CHG-1 at https://ada:***@git.example.com/x"
    assert catalog.runs() == [row]
    assert catalog.run(run + 1) is None
    assert catalog.approved_plan(run + 1) is None


def test_a_plan_is_used_once(catalog: Catalog) -> None:
    first, second = begin(catalog), begin(catalog)
    catalog.approve_run(first, approval(), NOW)
    with pytest.raises(PlanStaleError, match=rf"run {first} of 2026-11-22T02:15:00Z used this plan") as caught:
        catalog.approve_run(second, approval(), NOW)
    assert caught.value.exit_code == 5
    assert catalog.approved_plan(second) is None, "what was refused leaves nothing"
    catalog.approve_run(first, approval(), NOW)  # the same run may ask again


def test_a_plan_of_the_same_meaning_is_used_up_by_a_later_run(catalog: Catalog) -> None:
    catalog.approve_run(begin(catalog, NOW), approval("p1"), NOW)
    for as_of, stale in (("2026-11-22T02:15:00Z", True), ("2026-11-22T02:15:01Z", False)):
        later = approval("p2", document=document("p2", as_of=as_of))
        if stale:
            with pytest.raises(PlanStaleError, match="used this plan"):
                catalog.approve_run(begin(catalog), later, NOW)
        else:
            catalog.approve_run(begin(catalog), later, NOW)


def test_a_plan_made_on_the_spot_is_never_stale_and_uses_up_saved_ones(catalog: Catalog) -> None:
    for _ in range(2):
        catalog.approve_run(begin(catalog, NOW + HOUR), approval("p2", saved=False), NOW + HOUR)
    with pytest.raises(PlanStaleError, match="used this plan"):
        catalog.approve_run(begin(catalog, NOW + HOUR), approval("p1"), NOW + HOUR)


def test_a_plan_that_does_nothing_uses_up_nothing(catalog: Catalog) -> None:
    empty = document(actions=[])
    catalog.approve_run(begin(catalog), approval(document=empty, saved=False), NOW)
    catalog.approve_run(begin(catalog), approval(document=empty), NOW)
    catalog.approve_run(begin(catalog), approval(), NOW)


def test_a_run_may_resume_the_plan_of_another_and_be_resumed_itself(catalog: Catalog) -> None:
    first, second, third = begin(catalog), begin(catalog), begin(catalog)
    catalog.approve_run(first, approval(), NOW)
    catalog.approve_run(second, approval(resumes=first), NOW)
    catalog.approve_run(third, approval(resumes=second), NOW)
    assert catalog.approved_plan(third) == document()
    with pytest.raises(PlanStaleError, match=rf"run {first} was not approved to carry out this plan"):
        catalog.approve_run(begin(catalog), approval("p2", resumes=first), NOW)
    with pytest.raises(PlanStaleError, match="run 99 was not approved"):
        catalog.approve_run(begin(catalog), approval(resumes=99), NOW)


def test_a_run_that_is_closed_is_approved_for_nothing(catalog: Catalog) -> None:
    run = begin(catalog)
    catalog.end_run(run, "failed", NOW, confirm=None)
    for closed in (run, 99):
        with pytest.raises(CatalogError, match=f"run {closed} is not open"):
            catalog.approve_run(closed, approval(), NOW)


def test_documents_of_old_runs_are_dropped_and_those_of_unfinished_ones_kept(catalog: Catalog) -> None:
    unfinished = begin(catalog)
    catalog.approve_run(unfinished, approval("p0"), NOW)
    catalog.end_run(unfinished, "partial", NOW, confirm=None)
    done = []
    for number in range(KEPT_DOCUMENTS + 2):
        run = begin(catalog)
        catalog.approve_run(run, approval(f"p{number + 1}", f"e{number}"), NOW)
        catalog.end_run(run, "done", NOW, confirm=None)
        done.append(run)
    kept = [run for run in done if catalog.approved_plan(run) is not None]
    assert kept == done[-KEPT_DOCUMENTS:]
    assert catalog.approved_plan(unfinished) is not None


def test_no_password_of_a_url_stays_in_a_document(catalog: Catalog) -> None:
    run = begin(catalog)
    told = {"error": "https://ada:hunter2@host/x does not answer", "name": "a://b@c"}
    catalog.approve_run(run, approval(document=document(backends=[told])), NOW)
    kept = catalog.approved_plan(run)
    assert kept is not None
    assert kept["backends"] == [{"error": "https://ada:***@host/x does not answer", "name": "a://b@c"}]


def test_plans_are_saved_and_found_by_the_beginning_of_their_digest(catalog: Catalog) -> None:
    catalog.save_plan(document("p1", "abc1"), ELSEWHERE, NOW)
    catalog.save_plan(document("p2", "abd2"), ELSEWHERE, NOW + HOUR)
    assert [plan["id"] for plan in catalog.saved_plans("ab")] == ["p2", "p1"]
    assert [plan["id"] for plan in catalog.saved_plans("abc1")] == ["p1"]
    assert catalog.saved_plans("abc12") == []
    assert catalog.saved_plans("%") == []
    catalog.save_plan(document("p3", "abc1"), ELSEWHERE, NOW + 2 * HOUR)
    assert catalog.saved_plans("abc1") == [document("p3", "abc1")]


def test_only_the_newest_saved_plans_are_kept(catalog: Catalog) -> None:
    for number in range(KEPT_PLANS + 1):
        catalog.save_plan(document(f"p{number}", f"{number:04}"), ELSEWHERE, NOW + number * HOUR)
    assert catalog.saved_plans("0000") == []
    assert len(catalog.saved_plans("")) == KEPT_PLANS
