"""A repository whose next plan has every verb, and what an apply of it does, in this process."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from snapplan.cli.main import invoke

from .repository import CONFIG, Repository

FIRST, SECOND, PLANNED, APPLIED = (f"2026-11-22T{time}:00Z" for time in ("09:00", "10:00", "12:30", "12:40"))
BEFORE = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 2h}
  bronze:
    periods:
      daily: {frequency: daily, retention: 7d}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
  machines: {profile: bronze, targets: [{backend: lab, scope: vm}]}
"""
AFTER = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 3h}
  silver:
    periods:
      daily: {frequency: daily, retention: 7d}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
  machines: {profile: silver, targets: [{backend: lab, scope: vm}]}
snapshots:
  before-26.2: {targets: [{backend: lab, scope: tenant}], expires: 7d, description: CHG-1}
restores:
  CHG-2:
    target: lab/volume/a
    from: {snapshot: latest, before: "2026-11-22T10:30Z"}
    mode: in_place
    not_after: "2026-11-23T00:00Z"
  CHG-3:
    target: lab/vm/web
    from: {snapshot: latest, before: "2026-11-22T10:30Z"}
    mode: clone
    as: web-old
    not_after: "2026-11-23T00:00Z"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Inside:
    """Runs command lines in this process, in one repository after another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, root: Path, *words: str, now: str) -> Ran:
        self._monkeypatch.chdir(root)
        self._monkeypatch.setenv("SNAPPLAN_NOW", now)
        self._monkeypatch.setenv("NO_COLOR", "1")
        code = invoke(words)
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def done(self, root: Path) -> Counter[tuple[str, str]]:
        """Return what the last run did, and how often: verbs and subjects."""
        from snapplan.catalog.open import open_catalog

        catalog = open_catalog("sqlite:///catalog.db", project="e2e", base=root)
        try:
            run = catalog.runs(1)[0]
            journal = catalog.journal(run.number)
            rows = [row for row in journal if row.state in ("done", "adopted")]
            return Counter((row.verb, row.snapshot or row.target or "") for row in rows)
        finally:
            catalog.close()


def every_verb(inside: Inside, root: Path) -> Repository:
    """Make the repository: its plan at ``PLANNED`` has every verb."""
    repository = Repository(root, BEFORE, CONFIG)
    for now in (FIRST, SECOND):
        assert inside.run(root, "apply", "--auto-approve", now=now).code == 0
    repository.write_policy(AFTER)
    repository.write("volumes/a/file", "changed since")
    return repository


def remember(repository: Repository) -> None:
    """Keep a copy of all that the repository is now, for ``begin_again``."""
    shutil.copytree(repository.root, _kept(repository), symlinks=True)


def begin_again(repository: Repository) -> None:
    """Put back what was remembered, in the same place: the catalog remembers where each target lies."""
    shutil.rmtree(repository.root)
    shutil.copytree(_kept(repository), repository.root, symlinks=True)


def _kept(repository: Repository) -> Path:
    return repository.root.with_name(repository.root.name + "-remembered")
