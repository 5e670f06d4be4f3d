"""Who this process is, and whether the process that an owner names still runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from snapplan.catalog.base import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
JOB_VARIABLES = {"GITHUB_RUN_ID": "GitHub run", "CI_JOB_ID": "GitLab job", "BUILD_TAG": "Jenkins build"}
DEAD_STATES = frozenset("ZXx")


def current_owner(environment: Mapping[str, str] | None = None) -> Owner:
    """Return the owner that this process is; the CI job comes from ``environment`` (default: the process's)."""
    variables = os.environ if environment is None else environment
    jobs = (f"{title} {variables[name]}" for name, title in JOB_VARIABLES.items() if variables.get(name))
    pid = os.getpid()
    return Owner(_user(), os.uname().nodename, boot_id(), pid, _started(pid) or "", next(jobs, ""))


def boot_id() -> str:
    """Return what tells this boot of this kernel from every other, or an empty text where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def is_alive(owner: Owner) -> bool | None:
    """Say whether the owner's process still runs; ``None`` where that cannot be seen from here.

    It can be seen on the same host and in the same namespace of process ids. A later process under the same pid, another
    boot and a zombie are dead.
    """
    if owner.host != os.uname().nodename:
        return None
    if owner.boot_id != boot_id():
        return False
    here = _started(os.getpid())
    if here is None or not owner.started:
        return _answers(owner.pid)
    if owner.started.partition("/")[2] != here.partition("/")[2]:
        return None
    return _started(owner.pid) == owner.started


def _started(pid: int) -> str | None:
    """Return the start time of a living process in clock ticks since boot and its namespace of process ids."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in DEAD_STATES else f"{fields[19]}/{namespace}"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
