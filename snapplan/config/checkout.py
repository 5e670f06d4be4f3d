"""The git checkout that a policy repository is in: found by us, of owners we trust, and read without running anything.

Git looks for a repository by itself, takes a bare one that somebody put into a folder, and starts programs that its
configuration names. So ``.git`` is found here and named to git, and only commands are used that read objects: they
start no hook, no monitor, no filter, no pager, no external diff and no transport. Naming it switches off git's own
check of who owns it, so that is done here first.
"""

from __future__ import annotations

import os
import posixpath
import re
import select
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from snapplan.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_SECONDS = 20
MAX_OUTPUT = 32 * 1024 * 1024
MAX_ALTERNATES = 16
_LONGEST_GITFILE = 4096
_MISSING = (FileNotFoundError, NotADirectoryError)

# Each of these has a command or a file of the repository's own as its value, or lets git decide by itself. The commands
# below use none of them; they are switched off for the day on which one of them does.
_SETTINGS = (
    "safe.bareRepository=explicit", "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false",
    "core.commitGraph=false", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "core.pager=cat",
    "core.editor=false", "core.askPass=false", "core.sshCommand=false", "core.gitProxy=false", "credential.helper=",
    "diff.external=", "diff.ignoreSubmodules=all", "protocol.allow=never", "submodule.recurse=false", "gc.auto=0",
    "maintenance.auto=false",
)  # fmt: skip
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
}


class CheckoutError(Exception):
    """There is a checkout, and it cannot be read; ``str()`` is the reason, as a clause that follows a colon."""


class Checkout(NamedTuple):
    """A checkout that may be read: its folder, its repository, and where the policy is below it (``""``: in it)."""

    program: str
    folder: Path
    git_dir: Path
    prefix: str

    def inside(self, name: str) -> str:
        """Return the path from the top of the checkout of what is called ``name`` in the policy repository.

        ``""`` is the top itself, and also what ``name`` names outside the checkout.
        """
        path = posixpath.normpath(posixpath.join(self.prefix, name))
        return "" if path == "." or path.startswith("../") or path in ("..", "/") else path


def trusted_owners() -> frozenset[int]:
    """Return the users whose files are taken for our own: this one, root, and under ``sudo`` who called it; as git."""
    user = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if user == 0 else ""
    also = {int(caller)} if caller.isascii() and caller.isdigit() and len(caller) < 11 else set()
    return frozenset({user, 0, *also})


def owner_of(path: Path) -> int | None:
    """Return who owns ``path`` itself, a link not followed; ``None`` where there is nothing."""
    try:
        return path.lstat().st_uid
    except (OSError, ValueError):
        return None


def find_checkout(root: Path) -> Checkout | None:
    """Return the checkout that the folder ``root`` is in, ``None`` outside git; ``CheckoutError`` for one not to read."""
    try:
        real = root.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    for folder in (real, *real.parents):
        if owner_of(folder / ".git") is None:
            continue
        git_dir = _git_dir(folder)
        _verify(folder, git_dir)
        program = _program(folder)
        if program is None:
            raise CheckoutError("git is not installed")
        prefix = real.relative_to(folder).as_posix()
        return Checkout(program, folder, git_dir, "" if prefix == "." else prefix)
    return None


def _git_dir(folder: Path) -> Path:
    """Return the repository that ``.git`` is, or names where it is a file, as in worktrees and submodules."""
    dot = folder / ".git"
    try:
        _require_owner(dot)
        kind = dot.stat().st_mode
        if stat.S_ISDIR(kind):
            return dot.resolve(strict=True)
        if not stat.S_ISREG(kind):
            raise CheckoutError(f"{dot} is neither a folder nor a file")
        named = re.fullmatch(rb"gitdir: ([^\0\n]+)\n*", _content(dot))
        if named is None:
            raise CheckoutError(f"{dot} names no repository")
        return (folder / os.fsdecode(named[1])).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckoutError(f"{dot} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _content(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CheckoutError(f"{file} is not a regular file")
        return opened.read(_LONGEST_GITFILE)


def _verify(folder: Path, git_dir: Path) -> None:
    """Raise ``CheckoutError`` where what git will read is not a repository, or not all of it has an owner we trust."""
    try:
        common = _common(git_dir)
        for path in (folder, git_dir, git_dir / "HEAD", common, common / "objects", common / "refs"):
            if not _require_owner(path):
                raise CheckoutError(f"{git_dir} is not a git repository")
        for path in (common / "config", git_dir / "config.worktree", common / "packed-refs", common / "shallow"):
            _require_owner(path)
        for objects in _object_stores(common / "objects"):
            _require_owner(objects)
            for part in _parts(objects):
                _require_owner(part)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckoutError(f"{git_dir} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _common(git_dir: Path) -> Path:
    """Return where the objects and the configuration are: for a worktree, in the repository that it belongs to."""
    named = git_dir / "commondir"
    if not _require_owner(named):
        return git_dir
    return (git_dir / os.fsdecode(_content(named)).strip()).resolve(strict=True)


def _object_stores(objects: Path) -> Iterator[Path]:
    """Yield a store of objects and those that it borrows from, each once."""
    pending, seen = [objects], set[Path]()
    while pending:
        store = pending.pop().resolve(strict=True)
        if store in seen:
            continue
        seen.add(store)
        if len(seen) > MAX_ALTERNATES:
            raise CheckoutError(f"{objects} borrows from more than {MAX_ALTERNATES} other repositories")
        yield store
        alternates = store / "info" / "alternates"
        if _require_owner(alternates):
            lines = os.fsdecode(_content(alternates)).splitlines()
            pending.extend(store / line for line in lines if line and not line.startswith("#"))


def _parts(objects: Path) -> Iterator[Path]:
    """Yield the folders of a store of objects, and its packs."""
    with os.scandir(objects) as entries:
        yield from (objects / entry.name for entry in entries)
    try:
        with os.scandir(objects / "pack") as packs:
            yield from (objects / "pack" / pack.name for pack in packs)
    except _MISSING:
        return


def _require_owner(path: Path) -> bool:
    """Raise ``CheckoutError`` where somebody else owns ``path`` or what it links to; whether there is anything."""
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
    except _MISSING:
        return False
    strangers = owners - trusted_owners()
    if strangers:
        raise CheckoutError(f"{path} belongs to another user (id {min(strangers)})")
    return True


def _program(checkout: Path) -> str | None:
    """Return git, from a folder of ``PATH`` that is named in full and is not part of the checkout."""
    for entry in _search_path():
        program = Path(entry) / "git"
        if any(Path(os.path.realpath(path)).is_relative_to(checkout) for path in (entry, program)):
            continue
        if os.access(program, os.X_OK) and program.is_file():
            return str(program)
    return None


def _search_path() -> list[str]:
    return [entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()]


def read(checkout: Checkout, *arguments: str) -> bytes | None:
    """Return what git says, ``None`` where it fails, takes too long or says too much. For commands that read objects."""
    command = [checkout.program, f"--git-dir={checkout.git_dir}", f"--work-tree={checkout.folder}", "--no-pager"]
    command += ["--no-replace-objects", "--literal-pathspecs", *(word for each in _SETTINGS for word in ("-c", each))]
    environment = {**_ENVIRONMENT, "PATH": os.pathsep.join(_search_path())}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    try:
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
        )
    except (OSError, ValueError):
        return None
    with process:
        output = _limited(process)
        if output is None:
            process.kill()
    return output if process.returncode == 0 else None


def _limited(process: subprocess.Popen[bytes]) -> bytes | None:
    """Return all that a process writes, ``None`` where that is too much or takes too long."""
    assert process.stdout is not None
    descriptor, chunks, size = process.stdout.fileno(), list[bytes](), 0
    deadline = monotonic() + TIMEOUT_SECONDS
    while select.select([descriptor], [], [], max(0.0, deadline - monotonic()))[0]:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b"".join(chunks)
        size += len(chunk)
        if size > MAX_OUTPUT:
            return None
        chunks.append(chunk)
    return None
