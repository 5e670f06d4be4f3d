"""Which git commit the policy files are from, and whether they differ from it."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# A repository's own configuration can name programs that git would start; these are the ones status looks at.
_SAFELY = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.untrackedCache=false",
    "-c", "diff.ignoreSubmodules=all",
)  # fmt: skip


class Revision(NamedTuple):
    """``commit`` is the full id of HEAD; ``dirty`` says that files below the root differ from it. ``None``: unknown."""

    commit: str | None
    dirty: bool | None


def revision(root: Path) -> Revision:
    """Return the revision of the policy repository at ``root``; both ``None`` outside git, or without git.

    Only files below ``root`` count as differing: ignored ones do not, new ones do. Nothing is written, no hook and no
    monitor of the repository is started.
    """
    git = shutil.which("git")
    if git is None:
        return Revision(None, None)
    commit = _git(git, root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not commit:
        return Revision(None, None)
    changes = _git(
        git,
        root,
        "status",
        "--porcelain",
        "--untracked-files=normal",
        "--ignore-submodules=all",
        "--no-renames",
        "--",
        ".",
    )
    return Revision(commit.strip(), None if changes is None else bool(changes))


def is_older(root: Path, commit: str, applied: str) -> bool | None:
    """Whether ``commit`` is an ancestor of the other commit ``applied``; ``None`` where git cannot tell.

    It cannot in a clone without that part of the history, and not of what is no commit's full id.
    """
    git = shutil.which("git")
    if git is None or not (_COMMIT.fullmatch(commit) and _COMMIT.fullmatch(applied)) or commit == applied:
        return None
    if _git(git, root, "merge-base", "--is-ancestor", commit, applied) is not None:
        return True
    known = _git(git, root, "rev-parse", "--verify", "--quiet", f"{applied}^{{commit}}") is not None
    known = known and _git(git, root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is not None
    if not known or _git(git, root, "merge-base", "--is-ancestor", applied, commit) is not None:
        return False if known else None
    shallow = _git(git, root, "rev-parse", "--is-shallow-repository")
    return None if shallow is None or shallow.strip() == "true" else False


def _git(git: str, root: Path, *arguments: str) -> str | None:
    """Return what git prints, ``None`` where it fails."""
    import subprocess

    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment.update(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    try:
        done = subprocess.run(
            [git, *_SAFELY, "-C", str(root), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
