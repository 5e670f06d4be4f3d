"""An older policy is not applied unseen, also where git cannot be read; ``--commit`` names the commit there."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from unit.config.test_revision import commit_all, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.cli.conftest import Ran

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give the checkout to another user"),
]
STRANGER = 54321


class Commits:
    """Three commits of a policy; the second was applied."""

    def __init__(self, root: Path, run: Callable[..., Ran]) -> None:
        self.root = root
        git(root, "init", "--quiet")
        (root / ".git" / "info" / "exclude").write_text("/lab\n/catalog.db*\n")
        self.all = [self.commit(run, text) for text in ("24h", "48h", "72h")]

    def commit(self, run: Callable[..., Ran], retention: str) -> str:
        policy = self.root / "policies" / "gold.yaml"
        policy.write_text(policy.read_text().replace("24h", retention).replace("48h", retention))
        git(self.root, "add", "snapplan.yaml", "policies")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", retention)
        if retention != "72h":
            assert run("apply", "--auto-approve").code == 0
        return git(self.root, "rev-parse", "HEAD")

    def check_out(self, number: int, *, foreign: bool = True) -> str:
        if foreign:
            git(self.root, "checkout", "--quiet", self.all[number])
            os.chown(self.root / ".git", STRANGER, -1)
        return self.all[number]


@pytest.fixture
def commits(repository: Path, run: Callable[..., Ran]) -> Commits:
    return Commits(repository, run)


def test_an_older_commit_is_refused_where_nobody_can_read_it(commits: Commits, run: Callable[..., Ran]) -> None:
    commits.check_out(0)
    ran = run("apply", "--auto-approve")
    assert ran.code == 5
    assert "SP507" in ran.err
    assert f"belongs to another user (id {STRANGER})" in ran.err
    assert "--commit SHA" in ran.err
    planned = run("plan")
    assert planned.code == 0
    assert "SP507" in planned.out + planned.err


def test_it_may_be_allowed_and_is_refused_again_the_next_time(commits: Commits, run: Callable[..., Ran]) -> None:
    commits.check_out(0)
    assert run("apply", "--auto-approve", "--allow", "SP507", "--reason", "CHG-1").code == 0
    assert run("apply", "--auto-approve").code == 5


def test_naming_a_commit_that_was_applied_before_the_last_is_refused(commits: Commits, run: Callable[..., Ran]) -> None:
    older = commits.check_out(0)
    ran = run("apply", "--auto-approve", "--commit", older)
    assert ran.code == 5
    assert f"commit {older[:10]}, which is older" in ran.err


def test_naming_the_commit_that_was_applied_last_or_a_new_one(
    commits: Commits, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = commits.check_out(1)
    assert run("apply", "--auto-approve", "--commit", same).code == 0
    os.chown(commits.root / ".git", 0, -1)
    monkeypatch.setenv("SNAPPLAN_COMMIT", commits.check_out(2))
    ran = run("apply", "--auto-approve")
    assert ran.code == 0
    assert "SP515" in ran.out + ran.err
    monkeypatch.setenv("SNAPPLAN_COMMIT", same)
    assert run("apply", "--auto-approve").code == 5, "it was applied before the newer one"


@pytest.mark.parametrize("commit", ["main", "HEAD", "abc1234", "-h", "g" * 40])
def test_only_the_full_id_of_a_commit_names_one(commit: str, commits: Commits, run: Callable[..., Ran]) -> None:
    commits.check_out(0)
    ran = run("plan", f"--commit={commit}")
    assert ran.code == 64
    assert "is not the full id of a commit" in ran.err


def test_another_commit_than_the_checkout_has_is_a_mistake(commits: Commits, run: Callable[..., Ran]) -> None:
    ran = run("plan", "--commit", commits.all[0])
    assert ran.code == 64
    assert "the checkout is of commit" in ran.err
    assert run("plan", "--commit", commits.all[2]).code == 0


def test_without_git_at_all_it_is_refused_once(commits: Commits, run: Callable[..., Ran]) -> None:
    """A copy without ``.git`` is a choice: once that was allowed it is not asked again."""
    shutil.rmtree(commits.root / ".git")
    ran = run("apply", "--auto-approve")
    assert ran.code == 5
    assert "it is not in git" in ran.err
    assert run("apply", "--auto-approve", "--allow", "SP507", "--reason", "no git here").code == 0
    assert run("apply", "--auto-approve").code == 0


def test_where_nothing_was_applied_from_a_commit_it_is_a_note(repository: Path, run: Callable[..., Ran]) -> None:
    git(repository, "init", "--quiet")
    commit_all(repository)
    os.chown(repository / ".git", STRANGER, -1)
    ran = run("apply", "--auto-approve")
    assert ran.code == 0
    assert "SP515" in ran.out + ran.err
