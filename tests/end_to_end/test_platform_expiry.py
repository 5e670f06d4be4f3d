"""A backend that deletes by itself, over the command line: pins are safe, what is held stays, nothing reads as drift."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .repository import Repository

CONFIG = """\
version: 1
project: e2e
backends:
  dc1: {driver: memory, state: dc1.json, expires_itself: true, targets: [{scope: vm, name: web}]}
catalog: sqlite:///catalog.db
"""
POLICY = """\
profiles: {gold: {periods: {daily: {frequency: daily, hour: 2, retention: 2d}}}}
assignments: {all: {profile: gold, targets: [{backend: dc1, scope: vm}]}}
"""
FIRST = "2026-11-22T12:00:00Z"

ALLOWED = ("--allow", "SP304", "--reason", "given up on purpose")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository", POLICY, CONFIG)
    made.apply(FIRST)
    return made


def deletes_at(repository: Repository) -> list[str | None]:
    written = json.loads((repository.root / "dc1.json").read_text())["deletes_at"]
    return list(written.values())


def test_a_pin_is_on_the_platform_when_the_command_returns(repository: Repository) -> None:
    (name,) = repository.names("dc1/vm/web", FIRST)
    address = f"dc1/vm/web@{name}"
    assert deletes_at(repository) == ["2026-12-01T12:00:00Z"]
    repository.run("pin", address, "--reason", "audit", now=FIRST)
    assert deletes_at(repository) == [None]
    assert repository.names("dc1/vm/web", "2027-11-22T12:00:00Z") == [name]
    repository.run("unpin", address, now="2026-11-23T12:00:00Z")
    assert deletes_at(repository) == ["2026-12-01T12:00:00Z"]
    repository.run("pin", address, "--reason", "audit", now="2026-11-23T13:00:00Z")
    repository.run("unpin", address, now="2026-12-24T12:00:00Z")
    assert deletes_at(repository) == ["2026-12-31T12:00:00Z"], "one that is over gets the margin from now"


def test_what_is_held_stays_with_applies_in_between(repository: Repository) -> None:
    (repository.root / "policies" / "policy.yaml").write_text(POLICY.replace("assignments", "moved: []\n#"))
    (name,) = repository.names("dc1/vm/web", FIRST)
    repository.apply("2026-11-22T13:00:00Z", 0, *ALLOWED)
    for now in ("2026-11-28T00:00:00Z", "2026-12-01T11:00:00Z", "2026-12-04T23:00:00Z"):
        shown = repository.apply(now).stdout
        assert repository.names("dc1/vm/web", now) == [name]
    assert "the platform would delete it at 2026-12-05 00:00Z" in shown
    assert "the platform deletes it 2026-12-05 00:00Z -> 7d after the apply" in shown
    assert repository.json("plan", now="2026-12-04T23:00:00Z")["actions"] == []


def test_what_the_platform_deleted_in_time_is_no_drift(repository: Repository) -> None:
    (repository.root / "policies" / "policy.yaml").write_text(POLICY.replace("assignments", "moved: []\n#"))
    repository.apply("2026-11-22T13:00:00Z", 0, *ALLOWED)
    after = "2026-12-01T12:00:00Z"
    document = repository.json("plan", now=after)
    assert (document["drift"], document["backends"][0]["snapshots"]) == ([], 0)
    assert repository.json("status", now=after)["drift"] == []
    repository.apply(after)
    assert repository.json("status", now=after)["drift"] == []
