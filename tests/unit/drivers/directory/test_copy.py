from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory import content, linux
from snapplan.drivers.directory.copy import CopyReport, CopyStoppedError, copy_tree
from snapplan.drivers.directory.manifest import Entry, Manifest
from snapplan.drivers.directory.omissions import LeftOut, Reason, Rules
from snapplan.drivers.directory.verify import verify_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65534


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def assert_whole(report: CopyReport, copy: Path) -> None:
    assert verify_tree(copy, Manifest(report.entries, hashes=False), owners=os.geteuid() == 0) == []


def in_child(action: Callable[[], None]) -> None:
    """Run ``action`` in a forked child, so that it may give up root; fail with what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    assert said == ""


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


@pytest.fixture
def open_path(tmp_path: Path) -> Iterator[Path]:
    """A folder that another user can reach."""
    folder = Path("/tmp") / f"snapplan-copy-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_content_modes_and_times_are_kept(source: Path, copy: Path) -> None:
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "sub" / "script").write_bytes(b"#!/bin/sh\n")
    (source / "sub" / "script").chmod(0o4755)
    (source / "nothing").touch()
    os.utime(source / "sub" / "script", ns=(1_000_000_007, 2_000_000_009))
    (source / "sub").chmod(0o1777)
    (source / "sub" / "empty").chmod(0o2750)
    os.utime(source / "sub", ns=(3, 4_000_000_001))
    report = copy_tree(source, copy)
    script = (copy / "sub" / "script").stat()
    assert (copy / "sub" / "script").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE(script.st_mode) == 0o4755
    assert (script.st_atime_ns, script.st_mtime_ns) == (1_000_000_007, 2_000_000_009)
    assert stat.S_IMODE((copy / "sub").stat().st_mode) == 0o1777
    assert stat.S_IMODE((copy / "sub" / "empty").stat().st_mode) == 0o2750
    assert (copy / "sub").stat().st_mtime_ns == 4_000_000_001
    assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert (report.files, report.bytes, report.consistent, report.notices) == (2, 10, True, ())
    assert_whole(report, copy)


def test_odd_names_are_kept(source: Path, copy: Path) -> None:
    names = [b"\xff\xfe", b"new\nline", b"-rf", b" ", b"*", b'q"\\', "ünï".encode(), b"x" * 255]
    for name in names:
        (Path(os.fsdecode(os.fsencode(source) + b"/" + name))).write_bytes(name)
    folder = Path(os.fsdecode(os.fsencode(source) + b"/dir\xff\n"))
    folder.mkdir()
    (folder / "in").write_text("in")
    report = copy_tree(source, copy)
    assert sorted(os.listdir(os.fsencode(copy))) == sorted([*names, b"dir\xff\n"])
    assert all((copy / os.fsdecode(name)).read_bytes() == name for name in names)
    assert_whole(report, copy)


def test_symlinks_are_kept_and_never_followed(source: Path, copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (source / "away").symlink_to(outside)
    (source / "up").symlink_to("../outside/secret")
    (source / "gone").symlink_to(b"nowhere\xff".decode(errors="surrogateescape"))
    os.utime(source / "gone", ns=(5, 6_000_000_007), follow_symlinks=False)
    report = copy_tree(source, copy)
    assert os.readlink(copy / "away") == str(outside)
    assert os.readlink(os.fsencode(copy / "gone")) == b"nowhere\xff"
    assert (copy / "gone").lstat().st_mtime_ns == 6_000_000_007
    assert (outside / "secret").read_text() == "secret"
    assert report.files == 0
    assert_whole(report, copy)


def test_the_source_itself_must_not_be_a_symlink(source: Path, copy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    with pytest.raises(OSError, match="link"):
        copy_tree(link, copy)
    assert not copy.exists()


def test_hard_links_stay_hard_links(source: Path, copy: Path) -> None:
    (source / "b").mkdir()
    (source / "one").write_text("same")
    os.link(source / "one", source / "b" / "two")
    os.link(source / "one", source / "three")
    (source / "other").write_text("same")
    (source / "link").symlink_to("one")
    os.link(source / "link", source / "b" / "link", follow_symlinks=False)
    report = copy_tree(source, copy, hashes=True)
    assert (copy / "one").stat().st_nlink == 3
    assert (copy / "one").samefile(copy / "b" / "two")
    assert not (copy / "one").samefile(copy / "other")
    assert (copy / "link").lstat().st_ino == (copy / "b" / "link").lstat().st_ino
    groups = {entry.path: entry.link for entry in report.entries if entry.link is not None}
    assert len({groups["one"], groups["b/two"], groups["three"]}) == 1
    assert groups["link"] != groups["one"]
    assert report.bytes == 8
    assert_whole(report, copy)


def test_a_hard_link_to_the_outside_is_copied(source: Path, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("text")
    os.link(tmp_path / "outside", source / "inside")
    report = copy_tree(source, copy)
    assert (copy / "inside").stat().st_nlink == 1
    assert_whole(report, copy)


def test_holes_stay_holes(source: Path, copy: Path) -> None:
    with (source / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(30 << 20)
        file.write(b"middle")
        file.truncate(90 << 20)
    with (source / "hole").open("wb") as file:
        file.truncate(10 << 20)
    report = copy_tree(source, copy, hashes=True)
    assert (copy / "sparse").stat().st_size == 90 << 20
    assert (copy / "sparse").stat().st_blocks * 512 < 1 << 20
    assert (copy / "hole").stat().st_blocks * 512 < 1 << 16
    with (copy / "sparse").open("rb") as file:
        assert file.read(6) == b"begin\0"
        file.seek((30 << 20) - 1)
        assert file.read(8) == b"\0middle\0"
    assert subprocess.run(["cmp", source / "sparse", copy / "sparse"], check=False).returncode == 0
    assert_whole(report, copy)


@pytest.mark.parametrize("size", [1, 65536, 65537, (1 << 20) + 1, 5_000_001])
def test_data_of_any_size_is_copied(source: Path, copy: Path, size: int) -> None:
    data = os.urandom(size)
    (source / "file").write_bytes(data)
    report = copy_tree(source, copy, hashes=True)
    assert (copy / "file").read_bytes() == data
    (entry,) = [entry for entry in report.entries if entry.type == "file"]
    assert entry.sha256 == hashlib.sha256(data).hexdigest()


def test_data_is_copied_where_the_kernel_cannot(source: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "copy_range", lambda src, dst, count: None)
    data = os.urandom(3_000_000)
    (source / "file").write_bytes(data)
    copy_tree(source, copy)
    assert (copy / "file").read_bytes() == data


def test_user_attributes_and_access_lists_are_kept(source: Path, copy: Path) -> None:
    (source / "sub").mkdir()
    (source / "file").touch()
    os.setxattr(source / "file", "user.note", b"\0binary")
    os.setxattr(source / "sub", "user.note", b"folder")
    os.setxattr(source / "file", "system.posix_acl_access", access_list(NOBODY))
    os.setxattr(source / "sub", "system.posix_acl_default", access_list(NOBODY))
    (source / "sub" / "below").touch(0o640)
    assert os.listxattr(source / "sub" / "below") == ["system.posix_acl_access"]
    (source / "sub" / "plain").touch()
    os.removexattr(source / "sub" / "plain", "system.posix_acl_access")
    report = copy_tree(source, copy)
    for name in ("file", "sub", "sub/below", "sub/plain"):
        wanted = {key: os.getxattr(source / name, key) for key in os.listxattr(source / name)}
        assert {key: os.getxattr(copy / name, key) for key in os.listxattr(copy / name)} == wanted
    assert report.notices == ()
    assert_whole(report, copy)


def access_list(user: int) -> bytes:
    """rwx for the owner, r-- for one more user, r-x for the group, r-x mask, nothing for others."""
    everybody = 0xFFFFFFFF
    rows = [(1, 7, everybody), (2, 4, user), (4, 5, everybody), (0x10, 5, everybody), (0x20, 0, everybody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


def test_what_the_folder_around_hands_down_is_not_taken_on(source: Path, tmp_path: Path) -> None:
    around = tmp_path / "store"
    around.mkdir()
    os.setxattr(around, "system.posix_acl_default", access_list(NOBODY))
    around.chmod(0o2700)
    (source / "sub").mkdir()
    (source / "sub" / "file").touch(0o640)
    report = copy_tree(source, around / "copy")
    for name in (".", "sub", "sub/file"):
        assert os.listxattr(around / "copy" / name) == []
    assert_whole(report, around / "copy")


@as_root
def test_owners_set_id_bits_and_capabilities_are_kept_by_root(source: Path, copy: Path) -> None:
    (source / "program").write_bytes(b"x")
    os.chown(source / "program", 1234, 4321)
    (source / "program").chmod(0o6755)
    os.setxattr(source / "program", "security.capability", struct.pack("<IIIII", 0x02000000, 1 << 10, 0, 0, 0))
    (source / "link").symlink_to("program")
    os.chown(source / "link", 77, 78, follow_symlinks=False)
    (source / "folder").mkdir()
    os.chown(source / "folder", 1234, 4321)
    report = copy_tree(source, copy)
    found = (copy / "program").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o6755)
    assert os.getxattr(copy / "program", "security.capability")[:4] == struct.pack("<I", 0x02000000)
    assert (copy / "link").lstat().st_uid == 77
    assert (copy / "folder").stat().st_gid == 4321
    assert report.notices == ()
    assert_whole(report, copy)


@as_root
def test_special_files(source: Path, copy: Path) -> None:
    os.mkfifo(source / "pipe")
    (source / "pipe").chmod(0o620)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        report = copy_tree(source, copy)
    assert stat.S_ISFIFO((copy / "pipe").lstat().st_mode)
    assert stat.S_IMODE((copy / "pipe").lstat().st_mode) == 0o620
    assert (copy / "null").lstat().st_rdev == os.makedev(1, 3)
    assert not (copy / "socket").exists()
    assert report.notices == ("socket left out: 'socket'",)
    assert {entry.path: entry.type for entry in report.entries} == {
        ".": "directory",
        "pipe": "fifo",
        "null": "character",
    }
    assert_whole(report, copy)


@as_root
def test_another_user_keeps_what_it_may(open_path: Path) -> None:
    source, copy = open_path / "source", open_path / "copy"
    source.mkdir()
    (source / "mine").write_text("mine")
    os.chown(source / "mine", NOBODY, NOBODY)
    os.setxattr(source / "mine", "user.note", b"note")
    (source / "program").write_text("x")
    (source / "program").chmod(0o4755)
    os.mknod(source / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (source / "closed").mkdir()
    os.chown(source / "closed", NOBODY, NOBODY)
    (source / "closed").chmod(0o500)
    (source / "closed" / "file").touch()

    def copy_as_nobody() -> None:
        become_nobody()
        report = copy_tree(source, copy)
        assert set(report.notices) == {
            "owner and group not kept (needs root): 'program' and 2 more",
            "set-user-ID and set-group-ID dropped with the owner: 'program'",
            "device node left out (needs root): 'null'",
        }, report.notices
        assert stat.S_IMODE((copy / "program").stat().st_mode) == 0o755
        assert os.getxattr(copy / "mine", "user.note") == b"note"
        assert stat.S_IMODE((copy / "closed").stat().st_mode) == 0o500
        assert verify_tree(copy, Manifest(report.entries, hashes=False)) == []

    in_child(copy_as_nobody)


@as_root
def test_what_may_not_be_read_is_an_error_with_its_path(open_path: Path) -> None:
    (open_path / "source" / "sub").mkdir(parents=True)
    (open_path / "source" / "sub" / "closed").touch(0o600)
    (open_path / "source" / "dark").mkdir(0o700)

    def copy_as_nobody() -> None:
        become_nobody()
        with pytest.raises(PermissionError) as caught:
            copy_tree(open_path / "source", open_path / "copy")
        assert caught.value.filename in (
            str(open_path / "source" / "sub" / "closed"),
            str(open_path / "source" / "dark"),
        ), caught.value

    in_child(copy_as_nobody)


def test_a_store_inside_is_left_out_by_any_name(source: Path, tmp_path: Path) -> None:
    (source / "data").mkdir()
    (source / "data" / "keep").touch()
    store = source / "data" / ".store"
    store.mkdir()
    (store / "old").touch()
    alias = tmp_path / "alias"
    alias.symlink_to(source / "data")
    report = copy_tree(source, store / "new", rules=Rules([alias / ".store", tmp_path / "none"]))
    assert [entry.path for entry in report.entries] == [".", "data", "data/keep"]
    assert report.consistent
    assert_whole(report, store / "new")


def test_a_real_store_inside_is_left_out_and_what_only_looks_like_one_is_not(source: Path, copy: Path) -> None:
    for name in ("store", "own", "linked", "forged"):
        (source / name).mkdir()
        (source / name / "file").write_text(name)
    marker = "snapplan-store.json"
    (source / "store" / marker).write_text('{"format": "snapplan.store/9"}')
    (source / "forged" / marker).write_text('{"format": "snapplan.store/1"}')
    (source / "own" / marker).write_text('{"format": "my own"}')
    (source / "linked" / marker).symlink_to(source / "store" / marker)
    for part in ("backends", "trash"):
        (source / "store" / part).mkdir()
    report = copy_tree(source, copy, rules=Rules(tolerant=True))
    assert sorted(os.listdir(copy)) == ["forged", "linked", "own"]
    assert report.left_out == (LeftOut("store", Reason.OTHER_STORE),)
    assert report.notices == ("the store of another project, left out: 'store'",)
    assert_whole(report, copy)


@as_root
def test_a_store_that_another_user_planted_hides_nothing(source: Path, copy: Path) -> None:
    planted = source / "planted"
    for part in ("backends", "trash"):
        (planted / part).mkdir(parents=True)
    (planted / "snapplan-store.json").write_text('{"format": "snapplan.store/1"}')
    (planted / "content").write_text("precious")
    os.chown(planted, NOBODY, NOBODY)
    report = copy_tree(source, copy, rules=Rules(tolerant=True))
    assert (copy / "planted" / "content").read_text() == "precious"
    assert report.left_out == ()


def test_the_entries_can_be_recorded_as_they_come(source: Path, copy: Path, tmp_path: Path) -> None:
    (source / "folder").mkdir()
    (source / "folder/file").touch()
    os.link(source / "folder/file", source / "folder/again")
    expected = copy_tree(source, copy)
    entries: list[Entry] = []
    report = copy_tree(source, tmp_path / "other", record=entries.append)
    assert report.entries == ()
    assert tuple(entries) == expected.entries
    assert report.links == expected.links == 1


def test_a_copy_into_itself_ends(source: Path) -> None:
    (source / "file").touch()
    report = copy_tree(source, source / "copy")
    assert os.listdir(source / "copy") == ["file"]
    assert len(report.entries) == 2


def test_a_copy_is_never_made_into_what_exists(source: Path, copy: Path) -> None:
    copy.mkdir()
    with pytest.raises(FileExistsError):
        copy_tree(source, copy)
    with pytest.raises(FileNotFoundError):
        copy_tree(source / "none", copy / "new")
    assert os.listdir(copy) == []


def test_a_file_that_keeps_changing_is_recorded(source: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "log").write_text("line\n")
    (source / "calm").write_text("calm")
    original = content.DataCopier.copy

    def grow(self: content.DataCopier, src: int, dst: int, status: os.stat_result, digest: None) -> int:
        size = original(self, src, dst, status)
        if status.st_size != 4:
            with (source / "log").open("a") as file:
                file.write("line\n")
        return size

    monkeypatch.setattr(content.DataCopier, "copy", grow)
    report = copy_tree(source, copy)
    assert report.changed == ("log",)
    assert not report.consistent
    assert (copy / "log").read_text() == "line\nline\n"
    assert_whole(report, copy)


def test_a_file_that_changes_once_is_copied_again(source: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "file").write_bytes(b"old and long " * 10_000)
    original = content.DataCopier.copy
    times: list[int] = []

    def rewrite(self: content.DataCopier, src: int, dst: int, status: os.stat_result, digest: None) -> int:
        size = original(self, src, dst, status)
        if not times:
            (source / "file").write_bytes(b"new")
        times.append(size)
        return size

    monkeypatch.setattr(content.DataCopier, "copy", rewrite)
    report = copy_tree(source, copy)
    assert len(times) == 2
    assert report.consistent
    assert (copy / "file").read_bytes() == b"new"
    assert_whole(report, copy)


def during(source: Path, when: str, act: Callable[[], None]) -> Callable[[], bool]:
    """Return a ``stop`` that acts once, when it is asked before the file ``when``; the files are copied one by one."""
    order = [entry.name for entry in os.scandir(source) if entry.is_file(follow_symlinks=False)]
    asked: list[str] = []

    def stop() -> bool:
        if len(asked) < len(order):
            asked.append(order[len(asked)])
            if asked[-1] == when:
                act()
        return False

    return stop


def test_a_file_that_vanishes_is_recorded(source: Path, copy: Path) -> None:
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    report = copy_tree(source, copy, stop=during(source, "b", (source / "b").unlink))
    assert report.vanished == ("b",)
    assert report.changed == (".",)
    assert sorted(os.listdir(copy)) == ["a", "c"]
    assert_whole(report, copy)


def test_a_file_of_several_names_that_is_written_meanwhile_is_no_longer_taken_for_the_same(
    source: Path, copy: Path
) -> None:
    (source / "a").write_text("old")
    os.link(source / "a", source / "b")
    first, second = [entry.name for entry in os.scandir(source)]

    def write() -> None:
        (source / first).write_text("longer")

    report = copy_tree(source, copy, stop=during(source, second, write))
    assert (copy / first).read_text() == "old"
    assert (copy / second).read_text() == "longer"
    assert second in report.changed
    assert_whole(report, copy)


def test_a_file_that_appears_makes_its_folder_changed(source: Path, copy: Path) -> None:
    (source / "a").touch()
    report = copy_tree(source, copy, stop=during(source, "a", (source / "new").touch))
    assert report.changed == (".",)
    assert os.listdir(copy) == ["a"]


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_name_swapped_for_a_symlink_is_not_followed(source: Path, copy: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (source / "a").write_text("a")
    (source / "sub").mkdir()
    (source / "sub" / "inner").write_text("inner")
    (source / "victim").write_text("victim")

    def swap() -> None:
        if kind == "directory":
            (source / "sub").rename(tmp_path / "moved")
            (source / "sub").symlink_to(outside)
        else:
            (source / "victim").unlink()
            (source / "victim").symlink_to(outside / "secret")

    first = next(name for name in ("victim", "a") if name in os.listdir(source))
    report = copy_tree(source, copy, stop=during(source, first, swap))
    name = "sub" if kind == "directory" else "victim"
    assert os.path.islink(copy / name)
    assert name in report.changed
    assert_whole(report, copy)


def test_a_file_swapped_for_a_pipe_does_not_hang(source: Path, copy: Path) -> None:
    (source / "a").touch()

    def swap() -> None:
        (source / "a").unlink()
        os.mkfifo(source / "a")

    report = copy_tree(source, copy, stop=during(source, "a", swap))
    assert stat.S_ISFIFO((copy / "a").lstat().st_mode)
    assert "a" in report.changed


def test_stop_ends_it(source: Path, copy: Path) -> None:
    (source / "a").touch()
    with pytest.raises(CopyStoppedError):
        copy_tree(source, copy, stop=lambda: True)


def test_a_deep_tree_is_copied_with_few_open_files(source: Path, copy: Path) -> None:
    code = f"""
import os, resource, sys
from pathlib import Path
sys.setrecursionlimit(150)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.manifest import Entry, Manifest
from snapplan.drivers.directory.verify import verify_tree
os.chdir({str(source)!r})
for depth in range(1500):
    os.mkdir("folder"); os.chdir("folder")
open("bottom", "w").write("bottom")
os.link("bottom", "again")
os.chdir("/")
report = copy_tree(Path({str(source)!r}), Path({str(copy)!r}), hashes=True)
assert report.files == 2 and len(report.entries) == 1503 and report.consistent, report[1:]
assert report.notices and "hard link not kept" in report.notices[0], report.notices
entries = tuple(entry._replace(link=None) for entry in report.entries)
assert verify_tree(Path({str(copy)!r}), Manifest(entries, hashes=True)) == []
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    subprocess.run(["rm", "-rf", source, copy], check=True)


def test_all_descriptors_are_closed(source: Path, copy: Path, tmp_path: Path) -> None:
    for depth in range(60):
        (source / "/".join(["d"] * (depth + 1))).mkdir()
    (source / "a").touch()
    before = os.listdir("/proc/self/fd")
    copy_tree(source, copy)
    with pytest.raises(CopyStoppedError):
        copy_tree(source, tmp_path / "again", stop=lambda: True)
    assert os.listdir("/proc/self/fd") == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@as_root
def test_a_full_disk_is_an_error_with_the_path_of_the_copy(source: Path, small_disk: Path) -> None:
    (source / "big").write_bytes(os.urandom(3 << 20))
    with pytest.raises(OSError, match="No space left") as caught:
        copy_tree(source, small_disk / "copy")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(small_disk / "copy" / "big")


@as_root
def test_a_mount_inside_is_an_empty_folder(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "inside").touch()
    source, copy = tmp_path, Path("/tmp") / f"snapplan-mount-{os.getpid()}"
    (source / "beside").touch()
    try:
        report = copy_tree(source, copy)
        assert os.listdir(copy / "small") == []
        assert report.left_out == (LeftOut("small", Reason.MOUNT),)
        assert report.notices == ("another filesystem is mounted there, left out: 'small'",)
        assert report.consistent
    finally:
        shutil.rmtree(copy)


@as_root
def test_a_bind_mount_of_the_same_filesystem_is_an_empty_folder(source: Path, copy: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (source / "sub" / "odd name").mkdir(parents=True)
    bound = subprocess.run(["mount", "--bind", elsewhere, source / "sub" / "odd name"], check=False)
    if bound.returncode != 0:
        pytest.skip("cannot bind-mount")
    try:
        report = copy_tree(source, copy)
    finally:
        subprocess.run(["umount", source / "sub" / "odd name"], check=True)
    assert report.left_out == (LeftOut("sub/odd name", Reason.MOUNT),)
    assert os.listdir(copy / "sub" / "odd name") == []


@as_root
def test_copies_between_filesystems(small_disk: Path, source: Path, tmp_path: Path) -> None:
    (source / "file").write_bytes(os.urandom(200_000))
    there, back = small_disk / "there", tmp_path / "back"
    copy_tree(source, there)
    report = copy_tree(there, back, hashes=True)
    assert report.reflinked is False
    assert (back / "file").read_bytes() == (source / "file").read_bytes()


def test_no_data_is_neither_shared_nor_copied(source: Path, copy: Path) -> None:
    (source / "empty").touch()
    assert copy_tree(source, copy).reflinked is None


@as_root
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_data_is_shared_where_the_filesystem_can(tmp_path: Path, kind: str) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    image, mounted = tmp_path / "image", tmp_path / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, mounted], check=False, capture_output=True).returncode != 0:
        pytest.skip(f"cannot mount {kind}")
    try:
        (mounted / "source").mkdir()
        (mounted / "source" / "big").write_bytes(os.urandom(50 << 20))
        (mounted / "source" / "small").write_bytes(b"small")
        os.sync()
        before = shutil.disk_usage(mounted).used
        report = copy_tree(mounted / "source", mounted / "copy", hashes=True)
        os.sync()
        assert report.reflinked is True
        assert shutil.disk_usage(mounted).used - before < 10 << 20
        assert_whole(report, mounted / "copy")
        assert (mounted / "copy" / "big").read_bytes() == (mounted / "source" / "big").read_bytes()
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_two_copies_at_once(source: Path, tmp_path: Path) -> None:
    for number in range(50):
        (source / f"f{number}").write_bytes(os.urandom(5_000))
    reports: list[CopyReport] = []
    threads = [
        threading.Thread(target=lambda name=name: reports.append(copy_tree(source, tmp_path / name)))
        for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.consistent for report in reports] == [True, True]
    assert_whole(reports[0], tmp_path / "one")
    assert_whole(reports[1], tmp_path / "two")
