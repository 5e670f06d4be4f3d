"""What cannot be captured is left out and said, and never fails the rest of its target."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.directory import attributes, opening
from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.omissions import LeftOut, Reason, Rules, gaps_text, recorded
from snapplan.drivers.directory.options import DirectoryOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .folders import Folders

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CAPTURE = Rules(tolerant=True)


def refusing(monkeypatch: pytest.MonkeyPatch, function: str, names: dict[str, int]) -> None:
    """Let ``os.FUNCTION`` fail for things with these names, as a system may do even to root."""
    original = getattr(os, function)

    def call(thing: Any, *arguments: Any, **options: Any) -> Any:
        code = names.get(os.path.basename(thing)) if isinstance(thing, str) else None
        if code is not None:
            raise OSError(code, os.strerror(code), thing)
        return original(thing, *arguments, **options)

    monkeypatch.setattr(os, function, call)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "folder" / "deep").mkdir(parents=True)
    (source / "folder" / "deep" / "file").write_text("deep")
    (source / "bad").write_text("bad")
    (source / "good").write_text("good")
    return source


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT])
def test_an_entry_that_cannot_be_opened_is_a_gap(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refusing(monkeypatch, "open", {"bad": code, "folder": code})
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert sorted(os.listdir(tmp_path / "copy")) == ["good"]
    text = os.strerror(code)
    assert sorted(report.left_out) == [
        LeftOut("bad", Reason.UNREADABLE, gap=True, text=text),
        LeftOut("folder", Reason.UNREADABLE, gap=True, text=text),
    ]
    assert [entry.path for entry in report.entries] == [".", "good"]


def test_a_folder_that_cannot_be_listed_is_a_gap(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.scandir
    inode = (source / "folder").stat().st_ino

    def scandir(fd: int) -> Any:
        if os.fstat(fd).st_ino == inode:
            raise OSError(errno.EIO, "Input/output error")
        return original(fd)

    monkeypatch.setattr(os, "scandir", scandir)
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["bad", "good"]
    assert [each.path for each in report.left_out] == ["folder"]


def test_a_file_whose_data_cannot_be_read_is_a_gap_and_nothing_of_it_is_left(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = (source / "bad").stat().st_ino

    def failing(original: Callable[..., Any]) -> Callable[..., Any]:
        def read(fd: int, *arguments: Any) -> Any:
            if os.fstat(fd).st_ino == inode:
                raise OSError(errno.EIO, "Input/output error")
            return original(fd, *arguments)

        return read

    monkeypatch.setattr(os, "read", failing(os.read))
    monkeypatch.setattr(os, "pread", failing(os.pread))
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["folder", "good"]
    assert [each.path for each in report.left_out] == ["bad"]
    assert report.files == 2


def test_a_store_that_cannot_be_written_is_no_gap(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fd: int, data: bytes) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(OSError, match="Input/output error"):
        copy_tree(source, tmp_path / "copy", rules=CAPTURE)


def test_a_name_that_the_store_cannot_have_is_a_gap(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "mkdir", {"folder": errno.ENAMETOOLONG})
    original = os.open

    def opened(name: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if name == "bad" and flags & os.O_CREAT:
            raise OSError(errno.ENAMETOOLONG, "File name too long", name)
        return original(name, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", opened)
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert sorted(each.path for each in report.left_out) == ["bad", "folder"]
    assert [entry.path for entry in report.entries] == [".", "good"]


def test_attributes_that_cannot_be_read_are_a_gap_and_the_file_is_there(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = (source / "bad").stat().st_ino
    original = attributes._listed

    def listed(thing: int | str, *, follow: bool) -> list[str]:
        if isinstance(thing, int) and os.fstat(thing).st_ino == inode:
            raise OSError(errno.EIO, "Input/output error")
        return original(thing, follow=follow)

    monkeypatch.setattr(attributes, "_listed", listed)
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert (tmp_path / "copy" / "bad").read_text() == "bad"
    [left] = report.left_out
    assert (left.path, left.reason, left.gap, left.absent) == ("bad", Reason.ATTRIBUTES, True, False)


def test_a_restore_tolerates_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, "open", {"bad": errno.EIO})
    with pytest.raises(OSError, match="Input/output error"):
        copy_tree(source, tmp_path / "copy")


_HOLDER = """
import fcntl, os, signal, sys, time
def let_go(*_):
    if sys.argv[2] == "gives":
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
signal.signal(signal.SIGIO, let_go)
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("ready", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture
def lease() -> Iterator[Callable[[Path, str], None]]:
    """Let another process hold a lease on a file, which it gives up when it is asked, or keeps."""
    holders: list[subprocess.Popen[str]] = []

    def hold(file: Path, kind: str) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(file), kind],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )
        holders.append(holder)
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            pytest.skip("this filesystem gives no leases")

    yield hold
    for holder in holders:
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert holder.stdout is not None
        holder.stdout.close()


def test_a_lease_is_waited_for(source: Path, tmp_path: Path, lease: Callable[[Path, str], None]) -> None:
    lease(source / "bad", "gives")
    lease(source / "folder" / "deep" / "file", "gives")
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert report.left_out == ()
    assert (tmp_path / "copy" / "bad").read_text() == "bad"
    assert (tmp_path / "copy" / "folder" / "deep" / "file").read_text() == "deep"


def test_a_lease_that_is_kept_is_a_gap_after_the_time_that_the_kernel_gives(
    source: Path, tmp_path: Path, lease: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease(source / "bad", "keeps")
    monkeypatch.setattr(opening, "break_seconds", lambda: 0.2)
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert [(each.path, each.gap) for each in report.left_out] == [("bad", True)]
    assert (tmp_path / "copy" / "good").read_text() == "good"


def test_a_lease_is_waited_for_longer_than_the_kernel_takes() -> None:
    assert opening.break_seconds() > float(Path("/proc/sys/fs/lease-break-time").read_text())


def test_a_socket_is_left_out_and_is_no_gap(folders: Folders) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        place = os.getcwd()
        os.chdir(folders.root / "volumes/a")
        try:
            listening.bind("sock")
        finally:
            os.chdir(place)
        outcome = folders.create(folders.request("volume/a"))
    assert outcome.snapshot is not None
    assert (outcome.snapshot.gaps, outcome.attention) == ("", ())
    assert "socket left out: 'sock'" in outcome.notices


@as_root
@pytest.mark.parametrize("mounts", ["skip", "error"])
def test_what_is_mounted_inside_is_a_gap_where_that_is_asked(
    folders: Folders, mount: Callable[..., None], mounts: str
) -> None:
    mount(folders.root / "volumes/a/inner", "-t", "tmpfs", "none")
    folders.options = {"root": "lab", "targets": {"volume/a": {"mounts": mounts}}}
    outcome = folders.create(folders.request("volume/a"))
    assert outcome.snapshot is not None
    asked = mounts == "error"
    assert bool(outcome.snapshot.gaps) is asked
    assert [each.code for each in outcome.attention] == (["SP470"] if asked else [])
    assert folders.open().verify(outcome.snapshot).differences == ()


@as_root
def test_a_mounted_file_is_left_out_and_said(folders: Folders, mount: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("elsewhere")
    place = folders.root / "volumes/a/file"
    done = subprocess.run(["mount", "--bind", str(tmp_path / "elsewhere"), str(place)], check=False)
    if done.returncode:
        pytest.skip("cannot mount here")
    try:
        outcome = folders.create(folders.request("volume/a"))
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert outcome.snapshot is not None
    assert "another filesystem is mounted there, left out: 'file'" in outcome.notices


def _block(folders: Folders, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these names be unreadable from now on."""
    refusing(monkeypatch, "open", dict.fromkeys(names, errno.EACCES))


def test_gaps_need_a_look_when_they_appear_or_change_and_are_a_notice_afterwards(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.write(volumes__a__one="1", volumes__a__two="2")
    assert folders.create(folders.request("volume/a", "before")).attention == ()
    with monkeypatch.context() as patch:
        _block(folders, patch, "one")
        first = folders.create(folders.request("volume/a", "first"))
        again = folders.create(folders.request("volume/a", "again"))
    with monkeypatch.context() as patch:
        _block(folders, patch, "two")
        changed = folders.create(folders.request("volume/a", "changed"))
    after = folders.create(folders.request("volume/a", "after"))
    assert [[each.code for each in one.attention] for one in (first, again, changed, after)] == [
        ["SP470"],
        [],
        ["SP470"],
        [],
    ]
    assert first.snapshot is not None
    assert first.snapshot.gaps == "not captured: 'one' (Permission denied)"
    assert first.snapshot.gaps in again.notices
    assert after.snapshot is not None
    assert after.snapshot.gaps == ""


@pytest.mark.parametrize(
    "options",
    [
        {"unreadable": "skip"},
        {"targets": {"volume/*": {"unreadable": "skip"}}},
        {"volumes": {"a": {"path": "lab/volumes/a", "unreadable": "skip"}}, "root": None, "store": "store"},
    ],
    ids=["backend", "glob", "named"],
)
def test_what_may_be_left_out_is_no_gap_and_is_recorded(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    folders.write(volumes__a__one="1")
    folders.options = {key: value for key, value in {"root": "lab", **options}.items() if value is not None}
    request = folders.request("volume/a")
    _block(folders, monkeypatch, "one")
    outcome = folders.create(request)
    assert outcome.error is None
    assert outcome.snapshot is not None
    assert (outcome.snapshot.gaps, outcome.attention) == ("", ())
    assert "not readable, left out: 'one'" in outcome.notices


def test_the_nearest_entry_says_how_a_target_is_judged() -> None:
    options = DirectoryOptions.model_validate(
        {
            "root": "r",
            "unreadable": "skip",
            "targets": {"volume/a*": {"may_be_empty": True}, "volume/*": {"unreadable": "report"}},
        }
    )
    one, other, third = (options.traits(key) for key in ("volume/ab", "volume/b", "vm/x"))
    assert (one.unreadable, one.may_be_empty) == ("skip", True)
    assert (other.unreadable, other.may_be_empty) == ("report", False)
    assert (third.unreadable, third.mounts) == ("skip", "skip")


def test_many_gaps_are_counted_and_some_are_named(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"f{number:04}" for number in range(1_200)]
    for name in names:
        (folders.root / "volumes/a" / name).touch()
    request = folders.request("volume/a")
    _block(folders, monkeypatch, *names)
    outcome = folders.create(request)
    assert outcome.snapshot is not None
    assert outcome.snapshot.gaps.endswith("and 1197 more")
    facts = folders.open()._store.read(folders.folder_of(outcome.snapshot))
    assert facts is not None
    assert (len(facts.left_out), facts.left_out_count, facts.gap_count) == (1_000, 1_200, 1_200)


def test_a_name_that_is_listed_and_never_there_is_a_gap(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "open", {"bad": errno.ENOENT})
    report = copy_tree(source, tmp_path / "copy", rules=CAPTURE)
    assert [each.path for each in report.left_out] == ["bad"]
    assert report.vanished == ()


def test_a_path_longer_than_any_that_can_be_opened_is_counted(tmp_path: Path) -> None:
    deep = LeftOut("d/" * 3_000 + "file", Reason.UNREADABLE, gap=True, text="Permission denied")
    near = LeftOut("file", Reason.UNREADABLE, gap=True, text="Permission denied")
    assert recorded([deep, near]) == (near,)
    assert len(gaps_text([deep, near], 2)) < 400
