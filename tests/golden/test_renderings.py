"""What people see, for fixed documents. ``--snapshot-update`` accepts a change, which then shows as a diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.render.account import account_text
from snapplan.render.diagnostics import diagnostics_github, diagnostics_json, diagnostics_text
from snapplan.render.explanation import explanation_text
from snapplan.render.jsonplan import json_text
from snapplan.render.listing import drivers_text, listing_text, run_text
from snapplan.render.markdown import plan_markdown
from snapplan.render.simulation import simulation_text
from snapplan.render.status import status_text
from snapplan.render.style import Style
from snapplan.render.text import plan_text

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

HERE = Path(__file__).parent
PLANS = sorted(path.stem for path in (HERE / "plans").glob("*.json"))
ACCOUNTS = sorted(path.stem for path in (HERE / "accounts").glob("*.json"))
FINDINGS = sorted(path.stem for path in (HERE / "findings").glob("*.json"))
KINDS = ["targets", "snapshots", "profiles", "assignments", "runs"]


def load(folder: str, name: str) -> Any:
    return json.loads((HERE / folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PLANS)
def test_plan_as_text(name: str, snapshot: SnapshotAssertion) -> None:
    assert plan_text(load("plans", name)) == snapshot


def test_plan_as_text_in_full_with_details(snapshot: SnapshotAssertion) -> None:
    assert plan_text(load("plans", "folding"), full=True, verbose=True, command=None) == snapshot


def test_plan_as_text_in_colour(snapshot: SnapshotAssertion) -> None:
    assert plan_text(load("plans", "all-verbs"), style=Style(colour=True)) == snapshot


@pytest.mark.parametrize("name", PLANS)
def test_plan_as_markdown(name: str, snapshot: SnapshotAssertion) -> None:
    assert plan_markdown(load("plans", name)) == snapshot


def test_plan_as_json(snapshot: SnapshotAssertion) -> None:
    assert json_text(load("plans", "blocked")) == snapshot


@pytest.mark.parametrize("name", ACCOUNTS)
def test_account(name: str, snapshot: SnapshotAssertion) -> None:
    assert account_text(load("accounts", name)) == snapshot


@pytest.mark.parametrize("name", FINDINGS)
def test_findings_as_text(name: str, snapshot: SnapshotAssertion) -> None:
    assert diagnostics_text(load("findings", name), files=4) == snapshot


@pytest.mark.parametrize("name", FINDINGS)
def test_findings_as_annotations(name: str, snapshot: SnapshotAssertion) -> None:
    assert diagnostics_github(load("findings", name)) == snapshot


def test_findings_as_json(snapshot: SnapshotAssertion) -> None:
    assert diagnostics_json(load("findings", "all-kinds"), files=4) == snapshot


@pytest.mark.parametrize("kind", KINDS)
def test_listing(kind: str, snapshot: SnapshotAssertion) -> None:
    assert listing_text(kind, load("results", kind)) == snapshot


@pytest.mark.parametrize("everything", [False, True])
def test_status(everything: bool, snapshot: SnapshotAssertion) -> None:
    assert status_text(load("results", "status"), everything=everything) == snapshot


def test_other_results(snapshot: SnapshotAssertion) -> None:
    assert run_text(load("results", "run")) == snapshot(name="run")
    assert drivers_text(load("results", "drivers")) == snapshot(name="drivers")
    assert simulation_text(load("results", "simulation")) == snapshot(name="simulation")
    assert explanation_text(load("results", "explanation")) == snapshot(name="explanation")
