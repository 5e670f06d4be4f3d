"""A backend that allows so many requests an hour: plan says what it takes, apply keeps to it over runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from .repository import Repository

CONFIG = """\
version: 1
project: e2e
backends:
  dc1:
    driver: memory
    state: dc1.json
    requests_per_hour: 30
    request_costs: {inventory: 4}
    targets: [{scope: vm, name: "web-{n}", count: 20}]
catalog: sqlite:///catalog.db
"""
POLICY = """\
profiles: {gold: {periods: {daily: {frequency: daily, hour: 2, retention: 9d}}}}
assignments: {all: {profile: gold, targets: [{backend: dc1, scope: vm}]}}
"""
FIRST, LATER = "2026-11-22T12:00:00Z", "2026-11-22T13:02:00Z"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", POLICY, CONFIG)


def test_an_apply_that_needs_more_than_an_hour_goes_on_in_the_next(repository: Repository) -> None:
    repository.run("plan", "--save", "--backend", "*", "--no-refresh", now=FIRST)  # makes the catalog
    planned = repository.run("plan", "-v", now=FIRST).stdout
    assert "dc1: 4 requests to read it; this plan needs about 24 more; 4 of 30 in the last hour" in planned
    assert "SP444" not in planned
    short = repository.run("plan", now=FIRST).stdout
    assert "SP444" in short
    assert "apply will stop after about 18 of 20 actions and go on next hour" in short
    ran = repository.apply(FIRST, 7)
    assert "not tried" in ran.stdout
    assert "30 of 30 requests of the last hour are used" in ran.stdout
    assert "failed" not in ran.stdout
    taken = len(repository.snapshots(FIRST))
    assert 0 < taken < 20
    assert len(repository.json("list", "runs", now=FIRST)) == 1
    assert repository.apply(FIRST, 7).returncode == 7, "nothing is left of this hour, in another process too"
    assert len(repository.snapshots(FIRST)) == taken
    repository.run("apply", "--resume", "1", now=LATER)
    assert len(repository.snapshots(LATER)) == 20
    assert repository.json("plan", now="2026-11-22T15:00:00Z")["actions"] == []


def test_the_document_has_the_counts(repository: Repository) -> None:
    document = repository.json("plan", now=FIRST)
    assert document["backends"][0]["requests"] == {"read": 4, "apply": 24, "spent": 4, "limit": 30}
    assert repository.json("plan", now=FIRST)["digest"] == document["digest"], "what is spent is no part of the meaning"


def test_a_restore_has_a_reserve_and_in_an_emergency_no_limit(repository: Repository) -> None:
    repository.run("plan", now=FIRST)
    repository.apply(FIRST, None)
    refused = None
    for number in range(20):
        words = ("restore", "dc1/vm/web-1", "--as", f"back-{number}", "--auto-approve")
        done = repository.run(*words, now=FIRST, expect=None)
        if done.returncode:
            refused = words
            break
        assert "1 restored" in done.stdout
    assert number > 0, "the first one has a reserve"
    assert refused is not None, "and the reserve has an end"
    assert "--no-budget --reason TEXT" in done.stdout + done.stderr
    assert repository.run(*refused, "--no-budget", now=FIRST, expect=64).stdout == ""
    done = repository.run(*refused, "--no-budget", "--reason", "INC-7", now=FIRST)
    assert "1 restored" in done.stdout
    [newest, *_] = repository.json("list", "runs", now=FIRST)
    assert (newest["allowed"], newest["reason"]) == (["SP444"], "INC-7")
