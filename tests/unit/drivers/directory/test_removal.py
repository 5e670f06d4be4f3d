from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.removal import remove_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seen", ["folder", "file"])
def test_a_name_swapped_for_a_link_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    top = tmp_path / "top"
    (top / "a/deep").mkdir(parents=True)
    (top / "a/file").write_text("")
    enter = Descent.enter

    def swap_first(self: Descent, name: str) -> None:
        """Let somebody put a link, or a file, where a folder was listed."""
        if name == "a" and not (tmp_path / "away").exists():
            (top / "a").rename(tmp_path / "away")
            if seen == "folder":
                (top / "a").symlink_to(precious)
            else:
                (top / "a").write_text("")
        enter(self, name)

    monkeypatch.setattr(Descent, "enter", swap_first)
    remove_tree(top)
    assert (precious / "file").read_text() == "precious"
    assert not top.exists()
    assert (tmp_path / "away/file").exists()


def test_what_somebody_else_removes_meanwhile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "top"
    (top / "a").mkdir(parents=True)
    (top / "b").mkdir()
    enter = Descent.enter

    def remove_first(self: Descent, name: str) -> None:
        if name == "a":
            (top / "a").rmdir()
        enter(self, name)

    monkeypatch.setattr(Descent, "enter", remove_first)
    remove_tree(top)
    assert not top.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_cannot_be_removed_is_named_with_its_whole_path(tmp_path: Path) -> None:
    stuck = tmp_path / "top/a/b/stuck"
    stuck.parent.mkdir(parents=True)
    stuck.write_text("")
    if subprocess.run(["chattr", "+i", stuck], capture_output=True, check=False).returncode != 0:
        pytest.skip("no immutable files here")
    try:
        with pytest.raises(PermissionError) as caught:
            remove_tree(tmp_path / "top")
        assert caught.value.filename == str(stuck)
        assert caught.value.errno == errno.EPERM
        assert stuck.exists()
    finally:
        subprocess.run(["chattr", "-i", stuck], check=True)


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove_tree(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
