from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.directory.parts import path_in
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_link_in_a_snapshot_leads_to_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "live/web").mkdir(parents=True)
    data = tmp_path / "data"
    (data / "root/volumes/home").mkdir(parents=True)
    (data / "root/vms").symlink_to(tmp_path / "live")
    (data / "root/volumes/linked").symlink_to(tmp_path / "live/web")
    assert path_in(data, Scope.VM, "web") is None
    assert path_in(data, Scope.VOLUME, "linked") is None
    assert path_in(data, Scope.VOLUME, "home") == data / "root/volumes/home"


def test_a_named_folder_goes_before_one_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "root/vms/web").mkdir(parents=True)
    assert path_in(tmp_path, Scope.VM, "web") == tmp_path / "root/vms/web"
    (tmp_path / "named/vm/web").mkdir(parents=True)
    assert path_in(tmp_path, Scope.VM, "web") == tmp_path / "named/vm/web"
