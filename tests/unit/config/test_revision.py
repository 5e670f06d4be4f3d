"""The git commit of the policy files, without trusting the repository."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from snapplan.config.revision import Revision, revision

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(root: Path, *arguments: str) -> str:
    command = ["git", *IDENTITY, "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "policies").mkdir(parents=True)
    (root / "policies" / "a.yaml").write_text("profiles: {}\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    return root


def test_a_clean_commit(committed: Path) -> None:
    assert revision(committed) == Revision(git(committed, "rev-parse", "HEAD"), False)


def test_a_changed_file_is_dirty(committed: Path) -> None:
    (committed / "policies" / "a.yaml").write_text("profiles: {gold: 1}\n")
    assert revision(committed).dirty is True


def test_a_new_and_a_missing_file_are_dirty(committed: Path) -> None:
    (committed / "policies" / "b.yaml").write_text("")
    assert revision(committed).dirty is True
    (committed / "policies" / "b.yaml").unlink()
    (committed / "policies" / "a.yaml").unlink()
    assert revision(committed).dirty is True


def test_an_ignored_file_is_not(committed: Path) -> None:
    (committed / ".git" / "info").mkdir(exist_ok=True)
    (committed / ".git" / "info" / "exclude").write_text("*.db\n")
    (committed / "catalog.db").write_text("")
    assert revision(committed).dirty is False


def test_only_what_is_below_the_root_counts(committed: Path) -> None:
    (committed / "elsewhere.txt").write_text("")
    assert revision(committed).dirty is True
    assert revision(committed / "policies").dirty is False


@pytest.mark.parametrize("prepare", [False, True])
def test_no_commit(tmp_path: Path, prepare: bool) -> None:
    if prepare:
        git(tmp_path, "init", "--quiet")
    assert revision(tmp_path) == Revision(None, None)


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert revision(tmp_path / "gone") == Revision(None, None)


def test_without_git(committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(committed) == Revision(None, None)


def test_the_environment_cannot_point_elsewhere(
    committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    assert revision(committed).dirty is False


def test_starts_no_program_that_the_repository_names(committed: Path) -> None:
    program = committed / ".git" / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {committed}/.git/started\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager"):
        git(committed, "config", key, str(program))
    hooks = committed / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "post-checkout", "fsmonitor-watchman"):
        shutil.copy(program, hooks / hook)
    assert revision(committed).commit is not None
    assert not (committed / ".git" / "started").exists()


def test_writes_nothing(committed: Path) -> None:
    index = committed / ".git" / "index"
    before = index.stat().st_mtime_ns
    (committed / "policies" / "a.yaml").touch()
    revision(committed)
    assert index.stat().st_mtime_ns == before
