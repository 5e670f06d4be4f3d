"""On which kind of filesystem a path lies. SQLite's write-ahead log needs shared memory that no network gives.

Source: https://www.sqlite.org/wal.html, "WAL does not work over a network filesystem".
"""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
NETWORK_TYPES = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "vboxsf",
    ]
)
NETWORK_FUSE = frozenset(
    [
        "ceph",
        "ceph-fuse",
        "curlftpfs",
        "davfs2",
        "gcsfuse",
        "glusterfs",
        "goofys",
        "juicefs",
        "mfs",
        "rclone",
        "s3fs",
        "s3ql",
        "smbnetfs",
        "sshfs",
    ]
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def filesystem_type(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type (``ext4``, ``nfs4``, ``fuse.sshfs``) of the filesystem that ``path`` lies on or would lie on.

    ``path`` is absolute, without symbolic links. Of two mounts on one folder the later one hides the earlier. ``None``
    where the system has no table of mounts.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    best, found = -1, None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        folder = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        if len(folder.parts) >= best and path.is_relative_to(folder):
            best, found = len(folder.parts), fields[2]
    return found


def is_network(filesystem: str) -> bool:
    """Whether a filesystem type is one that other machines may write to at the same time."""
    kind, _, program = filesystem.partition(".")
    return kind in NETWORK_TYPES or (kind.startswith("fuse") and program in NETWORK_FUSE)
