from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.collect import Collecting, collect
from snapplan.drivers.directory.content import CopyStoppedError
from snapplan.drivers.directory.manifest import ManifestError, read_manifest
from snapplan.drivers.directory.omissions import Rules
from snapplan.drivers.directory.parts import Part
from snapplan.drivers.directory.verify import verify_tree
from snapplan.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _parts(base: Path, *names: str) -> list[Part]:
    """Make folders of three names of one file each, and return them as parts."""
    for name in names:
        folder = base / name
        folder.mkdir()
        (folder / "first").write_text(name)
        os.link(folder / "first", folder / "second")
        os.link(folder / "first", folder / "third")
    return [Part(f"named/volume/{name}", base / name) for name in names]


def _collecting(base: Path, stop: Callable[[], bool] | None = None) -> Collecting:
    return Collecting("lab", Rules([base / "store"], tolerant=True), hashes=True, stop=stop)


def test_the_manifest_holds_all_parts_with_links_of_their_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    collected = collect(_collecting(tmp_path), _parts(tmp_path, "a", "b"), data, tmp_path / "m")
    manifest = read_manifest(tmp_path / "m")
    assert verify_tree(data, manifest) == []
    assert [entry.path for entry in manifest.entries][:3] == [".", "named", "named/volume"]
    assert collected.entries == len(manifest.entries) == 11
    links = {entry.link for entry in manifest.entries if entry.path.startswith("named/volume/a/")}
    others = {entry.link for entry in manifest.entries if entry.path.startswith("named/volume/b/")}
    assert (len(links), len(others), links & others) == (1, 1, set())


def test_a_part_that_was_replaced_meanwhile_is_left_out_of_data_and_manifest(tmp_path: Path) -> None:
    parts = _parts(tmp_path, "a", "b")
    asked: list[int] = []

    def replace_the_first() -> bool:
        if not asked:
            (tmp_path / "a").rename(tmp_path / "gone")
            (tmp_path / "a").mkdir()
        asked.append(1)
        return False

    collected = collect(_collecting(tmp_path, replace_the_first), parts, tmp_path / "data", tmp_path / "m")
    [notice] = collected.notices
    assert "vanished" in notice
    assert not (tmp_path / "data/named/volume/a").exists()
    manifest = read_manifest(tmp_path / "m")
    assert verify_tree(tmp_path / "data", manifest) == []
    assert collected.entries == len(manifest.entries) == 7


def test_nothing_left_or_no_root_is_no_snapshot(tmp_path: Path) -> None:
    gone = Part("named/volume/gone", tmp_path / "gone")
    with pytest.raises(NotFoundError, match="none of the named folders"):
        collect(_collecting(tmp_path), [gone, gone._replace(prefix="named/vm/gone")], tmp_path / "d1", tmp_path / "m1")
    [there] = _parts(tmp_path, "there")
    with pytest.raises(NotFoundError):
        collect(_collecting(tmp_path), [Part("root", tmp_path / "root"), there], tmp_path / "d2", tmp_path / "m2")


def test_a_manifest_of_what_was_not_finished_is_not_whole(tmp_path: Path) -> None:
    parts = _parts(tmp_path, "a")
    with pytest.raises(CopyStoppedError):
        collect(_collecting(tmp_path, lambda: True), parts, tmp_path / "data", tmp_path / "m")
    with pytest.raises(ManifestError):
        read_manifest(tmp_path / "m")


def test_a_large_tree_needs_little_memory(tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / f"tree/{number:03}"
        folder.mkdir(parents=True)
        for file in range(100):
            (folder / f"a file of some name {file:05}").touch()
    parts = [Part("", tmp_path / "tree")]
    tracemalloc.start()
    try:
        how = _collecting(tmp_path)._replace(hashes=False)
        collected = collect(how, parts, tmp_path / "data", tmp_path / "m")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert collected.entries == 5_051
    # An entry held for each would be more than 1.5 MB.
    assert peak < 750_000, peak
