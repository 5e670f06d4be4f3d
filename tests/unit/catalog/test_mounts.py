from __future__ import annotations

from pathlib import Path

import pytest

from snapplan.catalog.mounts import filesystem_type, is_network

TABLE = r"""rootfs / rootfs rw 0 0
/dev/vda / ext4 rw 0 0
nas:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
//win/share /mnt/with\040space cifs rw 0 0
me@host: /home/me/ssh fuse.sshfs rw 0 0
tmpfs /cover tmpfs rw 0 0
nas:/cover /cover nfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/c.db", "ext4"),
        ("/home/me/c.db", "nfs4"),
        ("/homeless/c.db", "ext4"),
        ("/home/local/c.db", "xfs"),
        ("/mnt/with space/c.db", "cifs"),
        ("/home/me/ssh/deep/er/c.db", "fuse.sshfs"),
        ("/cover/c.db", "nfs"),
    ],
)
def test_the_deepest_mount_counts_and_of_two_the_later(tmp_path: Path, path: str, expected: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert filesystem_type(Path(path), table) == expected


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert filesystem_type(Path("/x"), tmp_path / "none") is None


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.glusterfs", "ceph", "fuseblk.s3fs"]
)
def test_network_filesystems(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse", "fuseblk", "fuse.zfs-fuse", "apfs"]
)
def test_local_filesystems(kind: str) -> None:
    assert not is_network(kind)
