"""``snapplan catalog``, ``list runs`` and ``show run`` in this process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapplan.catalog.base import Approval, Catalog, Owner
from snapplan.catalog.open import open_catalog
from snapplan.ids import parse_instant

from .conftest import NOW, Ran

AT = parse_instant(NOW)
ADA = Owner("ada", "another-host", "another-boot", 4242, "77/pid:[1]", "GitLab job 9")
DIGEST = "5f0c6d3e9a7b" + "0" * 52


@pytest.fixture
def catalog(repository: Path) -> Iterator[Catalog]:
    """A catalog with one run that was approved by ada with a guard lifted."""
    opened = open_catalog("sqlite:///catalog.db", project="cli-tests", base=repository)
    run = opened.begin_run("apply", ADA, AT, "4f2c1e9a7b60c5d8").number
    document = {"id": "p1", "digest": DIGEST, "as_of": NOW, "summary": {"expire": 2}, "actions": [1]}
    opened.approve_run(run, Approval(document, allowed=("SP301",), reason="CHG-1\x1b[2J"), AT)
    opened.end_run(run, "done", AT, confirm=None)
    yield opened
    opened.close()


def test_runs_show_their_plan_and_what_was_allowed(run: Callable[..., Ran], catalog: Catalog) -> None:
    lines = run("list", "runs").out.splitlines()
    assert lines[0].split()[-3:] == ["PLAN", "ALLOWED", "DONE"]
    assert lines[1].split()[-3:] == [DIGEST[:12], "SP301", "-"]
    shown = run("show", "run", "1")
    assert shown.code == 0
    assert "run 1   done   apply by ada@another-host (pid 4242, GitLab job 9)" in shown.out
    assert "policy 4f2c1e9a7b60c5d8" in shown.out
    assert f"plan    {DIGEST}" in shown.out
    assert "allowed SP301: CHG-1\\x1b[2J" in shown.out, "and no control character"
    document = json.loads(run("show", "run", "1", "--format", "json").out)
    assert (document["digest"], document["allowed"], document["reason"]) == (DIGEST, ["SP301"], "CHG-1\x1b[2J")


def test_verify_tells_what_is_wrong(run: Callable[..., Ran], catalog: Catalog, repository: Path) -> None:
    whole = run("catalog", "verify")
    assert (whole.code, whole.out.startswith("Whole: 4 entries in the record, newest ")) == (0, True)
    assert run("catalog", "verify", "--contains", next(iter(catalog.records())).hash).code == 0
    assert run("catalog", "verify", "--contains", "0" * 64).code == 1
    with sqlite3.connect(repository / "catalog.db") as db:
        db.execute("UPDATE run SET reason = 'CHG-2'")
    db.close()
    ran = run("catalog", "verify")
    assert ran.code == 1
    assert "run 1: its reason is 'CHG-2'" in ran.out


def test_unlock_asks_at_a_terminal_only(run: Callable[..., Ran], catalog: Catalog) -> None:
    catalog.acquire("lab", 1, ADA, AT)
    asked = run("catalog", "unlock", "lab")
    assert asked.code == 3
    assert f"Backend lab is locked by {ADA}, run 1, last heard of at {NOW}" in asked.err
    assert "It is at work" in asked.err
    done = run("catalog", "unlock", "lab", "--yes")
    assert (done.code, done.out) == (0, f"Unlocked lab; it was held by {ADA}, run 1.\n")
    assert run("catalog", "unlock", "lab").err == "Backend lab is not locked.\n"
    assert run("catalog", "unlock", "elsewhere", "--yes").code == 64


def test_a_lock_of_a_backend_that_the_policy_lost_can_be_ended(run: Callable[..., Ran], catalog: Catalog) -> None:
    catalog.acquire("old", 1, ADA, AT)
    assert run("catalog", "unlock", "old", "--yes").code == 0


def test_a_large_export_comes_whole(run: Callable[..., Ran], catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snapplan.cli.catalog.PIECE", 100)
    exported = json.loads(run("catalog", "export").out)
    assert exported == catalog.export()
