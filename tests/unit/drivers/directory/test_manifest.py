from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.manifest import (
    Entry,
    Manifest,
    ManifestError,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRIES = (
    Entry(".", "directory", 0, 1, 0o755, 0, 0),
    Entry("plain", "file", 12, 1_700_000_000_123_456_789, 0o644, 1000, 1000),
    Entry("odd\udcff\n\"\\'\x00é", "file", 1, -5, 0o4755, 0, 0, link=3, sha256="ab" * 32),
    Entry("link", "symlink", 0, 2, 0o777, 0, 0, target="/away\udc80"),
    Entry("pipe", "fifo", 0, 2, 0o600, 4294967294, 0),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES, hashes=True)
    assert read_manifest(tmp_path / "m") == Manifest(ENTRIES, hashes=True)


def test_each_line_is_json_that_explains_itself(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    header, *rows = [json.loads(line) for line in (tmp_path / "m").read_text().split("\n")[:-1]]
    assert header == {"format": "snapplan.manifest/1", "hashes": True, "entries": 5}
    assert rows[1] == {
        "path": "plain",
        "type": "file",
        "size": 12,
        "mtime_ns": 1_700_000_000_123_456_789,
        "mode": "0644",
        "uid": 1000,
        "gid": 1000,
    }
    assert rows[3]["target"] == "/away\udc80"


def test_a_manifest_is_never_overwritten(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    with pytest.raises(FileExistsError):
        write_manifest(tmp_path / "m", ())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "\0" * len(text),
        lambda text: text[:-30],
        lambda text: text[: text.rindex('{"path"')],
        lambda text: text.replace('"size":12', '"size":"12"'),
        lambda text: text.replace('"mode":"0644",', ""),
        lambda text: text.replace("manifest/1", "manifest/2"),
        lambda text: "[]\n",
        lambda text: text.replace("plain", "pläin"),
    ],
)
def test_a_damaged_manifest_is_an_error(tmp_path: Path, damage: Callable[[str], str]) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    (tmp_path / "m").write_text(damage((tmp_path / "m").read_text()))
    with pytest.raises(ManifestError, match="manifest"):
        read_manifest(tmp_path / "m")


def test_a_thousand_entries_cost_a_few_milliseconds(tmp_path: Path) -> None:
    entries = [Entry(f"folder/file-{n}", "file", n, n, 0o644, 0, 0) for n in range(1000)]
    times = []
    for number in range(5):
        start = time.process_time()
        write_manifest(tmp_path / f"m{number}", entries)
        times.append(time.process_time() - start)
    assert min(times) < 0.1
