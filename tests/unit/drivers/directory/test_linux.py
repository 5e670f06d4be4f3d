from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory import linux

if TYPE_CHECKING:
    from pathlib import Path


def test_exchange_swaps_two_folders(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    (a / "one").touch()
    (b / "two").touch()
    linux.exchange(a, b)
    assert [p.name for p in a.iterdir()] == ["two"]
    assert [p.name for p in b.iterdir()] == ["one"]


def test_exchange_needs_both(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError, match="No such file"):
        linux.exchange(tmp_path / "a", tmp_path / "b")


def test_exchange_takes_names_that_are_no_text(tmp_path: Path) -> None:
    a, b = tmp_path / os.fsdecode(b"a\xff"), tmp_path / "b\n"
    a.write_text("a")
    b.write_text("b")
    linux.exchange(a, b)
    assert (a.read_text(), b.read_text()) == ("b", "a")


def test_exchange_of_a_folder_with_its_own_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OSError, match="exchange") as caught:
        linux.exchange(tmp_path / "a", tmp_path / "a" / "b")
    assert caught.value.errno == errno.ENOTSUP


def test_rename_exclusive_never_replaces_even_an_empty_folder(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    with pytest.raises(FileExistsError):
        linux.rename_exclusive(a, b)
    b.rmdir()
    linux.rename_exclusive(a, b)
    assert b.is_dir()
    assert not a.exists()


def test_a_system_without_the_call_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "_libc_function", lambda name: None)
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="without replacing") as caught:
        linux.rename_exclusive(tmp_path / "a", tmp_path / "b")
    assert caught.value.errno == errno.ENOTSUP
    assert (tmp_path / "a").is_dir()
    linux.sync_filesystem(tmp_path)


def test_syncing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    linux.sync_filesystem(tmp_path)
    linux.fsync_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        linux.sync_filesystem(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        linux.fsync_directory(tmp_path / "file")


def test_reflink_answers_no_across_filesystems(tmp_path: Path) -> None:
    with open("/proc/self/status", "rb") as src, (tmp_path / "copy").open("wb") as dst:
        assert linux.reflink(src.fileno(), dst.fileno()) is False


def test_copy_range_moves_both_offsets(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    with (tmp_path / "a").open("rb", buffering=0) as src, (tmp_path / "b").open("wb", buffering=0) as dst:
        assert linux.copy_range(src.fileno(), dst.fileno(), 4) == 4
        assert linux.copy_range(src.fileno(), dst.fileno(), 100) == 6
    assert (tmp_path / "b").read_bytes() == b"0123456789"


def test_process_birth_tells_processes_apart() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        born = linux.process_birth(child.pid)
        assert born is not None
        assert born == linux.process_birth(child.pid)
        assert born != linux.process_birth(os.getppid())
        child.communicate(b"\n")
    assert linux.process_birth(child.pid) is None


def test_importing_it_loads_neither_ctypes_nor_fcntl() -> None:
    code = "import sys, snapplan.drivers.directory.linux; print({'_ctypes', 'fcntl'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"set()\n"
