"""A policy repository on real folders, and a way to run command lines in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from snapplan.cli.main import invoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = "2026-11-22T02:00:04Z"

CONFIG = """\
version: 1
project: cli-tests
backends:
  lab: {driver: directory, root: lab}
catalog: sqlite:///catalog.db
"""

POLICY = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 24h}
assignments:
  all-volumes:
    profile: gold
    targets: [{backend: lab, scope: volume}]
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*arguments: str) -> Ran:
        code = invoke(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one volume, as the working folder; the clock stands at ``NOW``."""
    root = tmp_path / "repository"
    (root / "policies").mkdir(parents=True)
    (root / "snapplan.yaml").write_text(CONFIG)
    (root / "policies" / "gold.yaml").write_text(POLICY)
    (root / "lab" / "volumes" / "a").mkdir(parents=True)
    (root / "lab" / "volumes" / "a" / "file").write_text("content")
    monkeypatch.chdir(root)
    monkeypatch.setenv("SNAPPLAN_NOW", NOW)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return root
