"""The git commit of the policy files, without trusting the repository or running anything that it names."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from unit.config.findings import CONFIG

from snapplan.config import checkout
from snapplan.config.checkout import find_checkout, read
from snapplan.config.load import load_repository
from snapplan.config.revision import Revision, is_older, revision

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to another user")
IDENTITY = (
    "-c",
    "user.name=a",
    "-c",
    "user.email=a@example.com",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "tag.gpgsign=false",
)
STRANGER = 54321


def git(root: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *IDENTITY, "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=clean).stdout.strip()


def found(root: Path) -> Revision:
    loaded = load_repository(root, may_be_empty=True)
    assert loaded.policy is not None, loaded.diagnostics
    return revision(root, loaded.contents, loaded.policy.config.include)


def commit_all(root: Path, text: str = "change") -> str:
    git(root, "add", "--all", "--force")
    git(root, "commit", "--quiet", "--allow-empty", "-m", text)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "policies").mkdir(parents=True)
    (root / "policies" / "a.yaml").write_text("moved: []\n")
    (root / "snapplan.yaml").write_text(CONFIG)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit_all(root, "first")
    return root


def test_a_clean_commit(committed: Path) -> None:
    assert found(committed) == Revision(git(committed, "rev-parse", "HEAD"), False)


def test_a_changed_file_is_dirty(committed: Path) -> None:
    (committed / "policies" / "a.yaml").write_text("moved: [] # really\n")
    assert found(committed).dirty is True


def test_a_new_and_a_missing_file_are_dirty(committed: Path) -> None:
    (committed / "policies" / "b.yaml").write_text("moved: []\n")
    assert found(committed).dirty is True
    (committed / "policies" / "b.yaml").unlink()
    (committed / "policies" / "a.yaml").unlink()
    assert found(committed).dirty is True


def test_what_the_policy_is_not_made_of_does_not_count(committed: Path) -> None:
    (committed / "catalog.db").write_text("")
    (committed / "README.md").write_text("new")
    (committed / "policies" / "notes.txt").write_text("new")
    assert found(committed).dirty is False


def test_a_policy_in_a_folder_of_a_larger_repository(committed: Path) -> None:
    inner = committed / "teams" / "web"
    shutil.copytree(committed / "policies", inner / "policies")
    shutil.copy(committed / "snapplan.yaml", inner)
    commit_all(committed)
    (committed / "policies" / "a.yaml").write_text("changed: 1\n")
    assert found(inner).dirty is False
    (inner / "snapplan.yaml").write_text(CONFIG + "# changed\n")
    assert found(inner).dirty is True


def test_other_globs_and_links(committed: Path) -> None:
    (committed / "snapplan.yaml").write_text(CONFIG + 'include: ["**/*.yaml"]\n')
    (committed / "common").mkdir()
    (committed / "common" / "x.yml").write_text("moved: []\n")
    (committed / "policies" / "x.yaml").symlink_to("../common/x.yml")
    commit_all(committed)
    assert found(committed).dirty is False
    (committed / "common" / "x.yml").write_text("moved: [] # changed\n")
    assert found(committed).dirty is True


def test_line_ends_of_windows_are_no_difference(committed: Path) -> None:
    (committed / "policies" / "a.yaml").write_bytes(b"moved: []\r\n")
    assert found(committed).dirty is False


def test_hashes_of_the_newer_kind(tmp_path: Path) -> None:
    (tmp_path / "snapplan.yaml").write_text(CONFIG)
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    commit = commit_all(tmp_path)
    assert len(commit) == 64
    assert found(tmp_path) == Revision(commit, False)


@pytest.mark.parametrize("prepare", [False, True])
def test_no_commit(tmp_path: Path, prepare: bool) -> None:
    if prepare:
        git(tmp_path, "init", "--quiet")
    assert revision(tmp_path, {}, ()) == Revision(None, None)


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert revision(tmp_path / "gone", {}, ()) == Revision(None, None)


def test_without_git(committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(committed) == Revision(None, None, "git is not installed")


def test_a_git_of_the_checkout_is_not_run(committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = committed / "git"
    program.write_text(f"#!/bin/sh\ntouch {committed}/RAN\n")
    program.chmod(0o755)
    monkeypatch.chdir(committed)
    (tmp_path / "link").symlink_to(committed)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(program)
    own = f"{committed}:{tmp_path}/link:{tmp_path}/loop:{tmp_path}/bin:.:"
    monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    assert found(committed).commit is not None
    assert not (committed / "RAN").exists()


def test_the_environment_cannot_point_elsewhere(
    committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_EXEC_PATH", "GIT_TRACE"):
        monkeypatch.setenv(name, str(tmp_path / "other"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.worktree")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "/")
    assert found(committed).dirty is False
    assert not (tmp_path / "other").exists()


def test_a_worktree_and_a_submodule(committed: Path, tmp_path: Path) -> None:
    git(committed, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "policies" / "a.yaml").write_text("moved: [] # side\n")
    commit = commit_all(tmp_path / "side")
    assert found(tmp_path / "side") == Revision(commit, False)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(committed), "sub")
    assert (outer / "sub" / ".git").is_file()
    assert found(outer / "sub").commit == git(committed, "rev-parse", "HEAD")


def test_older_and_newer(committed: Path, tmp_path: Path) -> None:
    first = git(committed, "rev-parse", "HEAD")
    second = commit_all(committed)
    git(committed, "checkout", "--quiet", "-b", "side", first)
    side = commit_all(committed, "side")
    whole = find_checkout(committed)
    assert whole is not None
    assert is_older(whole, first, second) is True
    assert is_older(whole, second, first) is False
    assert is_older(whole, side, second) is False, "not an ancestor"
    assert is_older(whole, "0" * 40, second) is None
    assert is_older(whole, "main", second) is None
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=main", f"file://{committed}", "shallow")
    shallow = find_checkout(tmp_path / "shallow")
    assert shallow is not None
    assert is_older(shallow, first, second) is None


class TestHostile:
    """Whatever a repository holds: nothing that it names is started, and nothing is written."""

    @pytest.fixture
    def trap(self, committed: Path, tmp_path: Path) -> Path:
        """Return a program that leaves a trace when it is run; it stands for whatever a stranger wants to run."""
        program = tmp_path / "trap"
        program.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/RAN\ncat\n')
        program.chmod(0o755)
        return program

    @staticmethod
    def nothing_ran(trap: Path) -> bool:
        return not (trap.parent / "RAN").exists()

    def test_programs_in_the_configuration(self, committed: Path, trap: Path) -> None:
        keys = [
            "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy",
            "diff.external", "diff.x.textconv", "diff.x.command", "filter.x.clean", "filter.x.smudge",
            "filter.x.process", "merge.x.driver", "credential.helper", "gpg.program", "gpg.ssh.program",
            "uploadpack.packObjectsHook", "pager.ls-tree", "pager.rev-parse", "alias.ls-tree", "alias.rev-parse",
            "core.alternateRefsCommand", "trace2.normalTarget", "remote.origin.uploadpack", "gpg.ssh.allowedSignersFile",
        ]  # fmt: skip
        for key in keys:
            git(committed, "config", key, f"!{trap}" if key.startswith("alias") else str(trap))
        git(committed, "config", "log.showSignature", "true")
        (committed / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
        (committed / "policies" / "a.yaml").write_text("moved: [] # changed\n")
        os.utime(committed / "snapplan.yaml")
        assert found(committed).dirty is True
        assert self.nothing_ran(trap)

    def test_hooks(self, committed: Path, trap: Path) -> None:
        (committed / ".git" / "hooks").mkdir(exist_ok=True)
        for hook in (
            "post-index-change",
            "post-checkout",
            "fsmonitor-watchman",
            "reference-transaction",
            "pre-auto-gc",
        ):
            shutil.copy(trap, committed / ".git" / "hooks" / hook)
        assert found(committed).dirty is False
        assert self.nothing_ran(trap)

    def test_a_bare_repository_in_a_folder(self, committed: Path, trap: Path, tmp_path: Path) -> None:
        inner = committed / "deep"
        git(tmp_path, "clone", "--quiet", "--bare", str(committed), str(inner))
        (inner / "config").write_text(f'[core]\nbare = false\nworktree = .\n[filter "x"]\nclean = {trap}\n')
        (inner / ".gitattributes").write_text("* filter=x\n")
        (inner / "snapplan.yaml").write_text(CONFIG)
        assert found(inner) == Revision(git(committed, "rev-parse", "HEAD"), True), "of the outer one"
        assert self.nothing_ran(trap)

    def test_a_partial_clone_fetches_nothing(self, committed: Path, trap: Path, tmp_path: Path) -> None:
        git(committed, "config", "uploadpack.allowFilter", "true")
        git(tmp_path, "clone", "--quiet", "--filter=tree:0", "--no-checkout", f"file://{committed}", "partial")
        partial = tmp_path / "partial"
        for name, value in {"uploadpack": str(trap), "url": f"ext::{trap} %S", "vcs": "x"}.items():
            git(partial, "config", f"remote.origin.{name}", value)
        git(partial, "config", "protocol.ext.allow", "always")
        (partial / "snapplan.yaml").write_text(CONFIG)
        assert found(partial) == Revision(git(committed, "rev-parse", "HEAD"), None)
        assert self.nothing_ran(trap)

    def test_another_worktree_another_configuration(self, committed: Path, trap: Path, tmp_path: Path) -> None:
        (tmp_path / "more").write_text(f"[core]\nfsmonitor = {trap}\nhooksPath = {tmp_path}\nsshCommand = {trap}\n")
        git(committed, "config", "include.path", str(tmp_path / "more"))
        git(committed, "config", "includeIf.gitdir:/**.path", str(tmp_path / "more"))
        git(committed, "config", "core.worktree", str(tmp_path))
        assert found(committed) == Revision(git(committed, "rev-parse", "main"), False)
        assert self.nothing_ran(trap)

    @pytest.mark.parametrize(
        "broken", ["[broken\n", "[extensions]\nunknown = 1\n[core]\nrepositoryformatversion = 1\n"]
    )
    def test_a_repository_that_git_cannot_read_is_said(self, broken: str, committed: Path) -> None:
        with (committed / ".git" / "config").open("a") as config:
            config.write(broken)
        assert found(committed).unreadable.startswith("git cannot read")

    def test_replaced_objects_and_grafts_are_not_believed(self, committed: Path) -> None:
        first = git(committed, "rev-parse", "HEAD")
        second = commit_all(committed, "second")
        git(committed, "checkout", "--quiet", first)
        tree = git(committed, "rev-parse", "HEAD^{tree}")
        other = git(committed, "commit-tree", tree, "-m", "an orphan")
        git(committed, "replace", second, other)
        (committed / ".git" / "info").mkdir(exist_ok=True)
        (committed / ".git" / "info" / "grafts").write_text(f"{second}\n")
        place = find_checkout(committed)
        assert place is not None
        assert is_older(place, first, second) is True

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "gitdir: nowhere\n",
            "gitdir: ../..\n",
            "gitdir: policies\n",
            "no\n",
            "gitdir: \0\n",
            "gitdir: " + "x" * 9999,
        ],
    )
    def test_odd_git_files(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "a" / "policies").mkdir(parents=True)
        (tmp_path / "a" / ".git").write_text(content)
        assert revision(tmp_path / "a", {}, ()).unreadable

    @pytest.mark.parametrize("kind", ["pipe", "device", "loop", "dangling", "empty folder", "link to a folder"])
    def test_odd_things_in_its_place(self, kind: str, tmp_path: Path) -> None:
        place = tmp_path / ".git"
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "empty folder":
            place.mkdir()
        else:
            place.symlink_to({"device": "/dev/zero", "loop": ".git", "dangling": "nowhere"}.get(kind, "/"))
        assert revision(tmp_path, {}, ()).unreadable

    @needs_root
    @pytest.mark.parametrize(
        "part",
        [
            ".", ".git", ".git/config", ".git/HEAD", ".git/objects", ".git/objects/pack", ".git/refs", ".git/packed-refs",
            ".git/objects/pack/*.pack", ".git/objects/??", ".git/config.worktree", ".git/objects/info/alternates",
        ],
    )  # fmt: skip
    def test_what_somebody_else_owns_is_not_read(self, part: str, committed: Path) -> None:
        git(committed, "pack-refs", "--all")
        git(committed, "repack", "--quiet", "-a")
        (committed / ".git" / "config.worktree").touch()
        (committed / ".git" / "objects" / "info" / "alternates").touch()
        assert found(committed).commit is not None
        chosen = sorted(committed.glob(part)) if "?" in part or "*" in part else [committed / part]
        os.chown(chosen[0], STRANGER, -1, follow_symlinks=False)
        assert f"belongs to another user (id {STRANGER})" in found(committed).unreadable

    @needs_root
    def test_borrowed_objects_and_linked_parts_too(self, committed: Path, tmp_path: Path) -> None:
        git(tmp_path, "clone", "--quiet", "--shared", str(committed), "clone")
        assert found(tmp_path / "clone").commit is not None
        os.chown(committed / ".git" / "objects", STRANGER, -1)
        assert str(STRANGER) in found(tmp_path / "clone").unreadable
        os.chown(committed / ".git" / "objects", 0, -1)
        (committed / ".git" / "config").rename(tmp_path / "config")
        (committed / ".git" / "config").symlink_to(tmp_path / "config")
        assert found(committed).commit is not None
        os.chown(tmp_path / "config", STRANGER, -1)
        assert str(STRANGER) in found(committed).unreadable

    @needs_root
    def test_the_caller_of_sudo_is_trusted(self, committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.chown(committed / ".git", STRANGER, -1)
        assert found(committed).commit is None
        monkeypatch.setenv("SUDO_UID", str(STRANGER))
        assert found(committed).commit is not None
        monkeypatch.setenv("SUDO_UID", "x")
        assert found(committed).commit is None

    def test_what_takes_too_long_or_says_too_much_is_ended(
        self, committed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        place = find_checkout(committed)
        assert place is not None
        monkeypatch.setattr(checkout, "TIMEOUT_SECONDS", 0.2)
        monkeypatch.setattr(checkout, "MAX_OUTPUT", 1000)
        program = tmp_path / "git"
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
        assert read(place._replace(program=str(program)), "rev-parse") is None
        program.write_text("#!/bin/sh\nexec yes\n")
        assert read(place._replace(program=str(program)), "rev-parse") is None

    def test_nothing_is_written(self, committed: Path) -> None:
        (committed / "policies" / "a.yaml").touch()
        before = {path: path.stat().st_mtime_ns for path in committed.rglob("*")}
        found(committed)
        assert {path: path.stat().st_mtime_ns for path in committed.rglob("*")} == before
