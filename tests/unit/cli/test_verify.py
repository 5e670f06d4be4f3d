"""``snapplan verify``: each thing that changed in a store is found and named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

CONFIG = """\
version: 1
project: demo
catalog: sqlite:///catalog.db
backends:
  lab: {driver: directory, root: lab}
  other: {driver: directory, root: other}
  script: {driver: memory, targets: [{scope: vm, name: web}]}
"""
POLICY = """\
profiles: {gold: {periods: {daily: {frequency: daily, hour: 1, retention: 7d}}}}
assignments: {all: {profile: gold, targets: [{backend: "*", scope: volume}, {backend: script, scope: vm}]}}
"""


@pytest.fixture
def taken(repository: Path, run: Callable[..., Ran]) -> dict[str, Path]:
    """Return the folders of the snapshots of three volumes, by address."""
    shutil.rmtree(repository / "lab", ignore_errors=True)
    (repository / "snapplan.yaml").write_text(CONFIG)
    for file in (repository / "policies").iterdir():
        file.unlink()
    (repository / "policies" / "p.yaml").write_text(POLICY)
    for volume in ("lab/volumes/a", "lab/volumes/b", "other/volumes/c"):
        folder = repository / volume
        (folder / "sub").mkdir(parents=True)
        for number in range(30):
            (folder / "sub" / f"file{number:02}").write_text(f"{volume} {number}")
    assert run("apply", "--auto-approve").code == 0
    folders = [
        path
        for backend in ("lab", "other")
        for path in (repository / backend / ".snapplan/snapshots/volume").glob("*/*")
    ]
    return {f"{path.parents[4].name}/volume/{path.parent.name}@{path.name}": path for path in folders}


def _flip(file: Path) -> None:
    """Change one byte, and nothing else that can be seen."""
    status = file.stat()
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_is_as_it_was_recorded(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    ran = run("verify")
    assert (ran.code, ran.out) == (0, "3 of 3 snapshots as recorded; the content of 90 files was read.\n")
    assert all(f"{address}: as recorded" in ran.err for address in taken)


def test_a_byte_a_file_a_manifest_and_a_tree(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    (a, first), (b, second), (c, third) = sorted(taken.items())
    _flip(first / "data/sub/file07")
    (first / "data/sub/file08").unlink()
    (first / "data/sub/new").touch()
    _flip(second / "manifest.jsonl")
    shutil.rmtree(third / "data")
    (third / "data").mkdir()
    ran = run("verify", "--format", "json")
    assert ran.code == 8
    document = json.loads(ran.out)
    assert document["counts"] == {"ok": 0, "differs": 3, "failed": 0}
    found = {
        row["snapshot"]: {(each["path"], each["what"]) for each in row["differences"]} for row in document["snapshots"]
    }
    assert {("sub/file07", "hash"), ("sub/file08", "missing"), ("sub/new", "extra")} <= found[a]
    assert ("manifest.jsonl", "record") in found[b]
    assert {("sub", "missing"), *((f"sub/file{n:02}", "missing") for n in range(30))} <= found[c]
    text = run("verify")
    assert text.code == 8
    assert all(address in text.out for address in taken)
    assert "sub/file07" in text.out


def test_names_of_any_bytes_can_be_printed(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    address, folder = sorted(taken.items())[0]
    (folder / "data" / os.fsdecode(b"caf\xe9")).touch()
    for form in ("json", "text"):
        ran = run("verify", address, "--format", form)
        assert ran.code == 8
        assert "caf%E9" in ran.out


def test_a_manifest_that_was_made_to_fit_is_found(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    address, folder = sorted(taken.items())[0]
    _flip(folder / "data/sub/file07")
    manifest = folder / "manifest.jsonl"
    from snapplan.drivers.directory.manifest import digest_of

    lines = manifest.read_text().splitlines()
    index = next(number for number, line in enumerate(lines) if "file07" in line)
    entry = json.loads(lines[index])
    lines[index] = lines[index].replace(entry["sha256"], digest_of(folder / "data/sub/file07"))
    manifest.write_text("\n".join(lines) + "\n")
    ran = run("verify", address)
    assert ran.code == 8
    assert "manifest.jsonl" in ran.out


def test_a_lost_snapshot_and_a_lost_mark_are_found(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    (a, first), (b, second), _ = sorted(taken.items())
    shutil.rmtree(first / "data")
    (second / "mark.json").write_text("{")
    ran = run("verify")
    assert ran.code == 8
    assert f"{a}  differs from its record" in ran.out
    assert f"{b}  differs from its record" in ran.out
    assert "1 of 3 snapshots as recorded" in ran.out


def test_a_sample_reads_other_files_each_day(
    run: Callable[..., Ran], taken: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = sorted(taken.items())[0]
    for number in range(30):
        _flip(folder / "data/sub" / f"file{number:02}")
    read: list[set[str]] = []
    for day in ("2027-01-01", "2027-01-01", "2027-01-02"):
        monkeypatch.setenv("SNAPPLAN_NOW", f"{day}T12:00:00Z")
        [row] = json.loads(run("verify", address, "--sample", "30", "--format", "json").out)["snapshots"]
        assert 0 < row["hashed"] < row["hashable"] == 30
        read.append({each["path"] for each in row["differences"]})
        assert len(read[-1]) == row["hashed"]
    assert read[0] == read[1] != read[2]


def test_what_cannot_be_named(run: Callable[..., Ran], taken: dict[str, Path]) -> None:
    assert run("verify", "lab/volume/a@none").code == 64
    assert run("verify", "nowhere/volume/a@none").code == 64
    assert run("verify", "--sample", "0").code == 64


def test_nothing_is_written(run: Callable[..., Ran], taken: dict[str, Path], repository: Path) -> None:
    def stamps() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in (repository / "lab").rglob("*")}

    before = stamps()
    run("verify")
    assert stamps() == before


def test_init_makes_a_store_and_tells_its_id(run: Callable[..., Ran], taken: dict[str, Path], repository: Path) -> None:
    shutil.rmtree(repository / "other/.snapplan")
    made = run("drivers", "init", "other")
    assert made.code == 0
    marker = json.loads((repository / "other/.snapplan/snapplan-store.json").read_text())
    assert made.out == f"{marker['id']}\n" == run("drivers", "init", "other").out
    assert run("drivers", "init", "none").code == 64
    assert run("drivers", "init", "script").code == 1


def test_a_moved_store_is_adopted_by_its_old_id(
    run: Callable[..., Ran], taken: dict[str, Path], repository: Path
) -> None:
    old = json.loads((repository / "lab/.snapplan/snapplan-store.json").read_text())["id"]
    shutil.copytree(
        repository / "lab/.snapplan/snapshots", repository / "other/.snapplan/snapshots", dirs_exist_ok=True
    )
    shutil.copytree(repository / "lab/volumes", repository / "other/volumes", dirs_exist_ok=True)
    listed = json.loads(run("list", "snapshots", "--target", "other/*", "--format", "json").out)
    assert sorted(row["owned"] for row in listed) == [False, False, True]
    ran = run("adopt", "--store", old, "other")
    assert (ran.code, "Adopted 2." in ran.err) == (0, True), ran.err
    listed = json.loads(run("list", "snapshots", "--target", "other/*", "--format", "json").out)
    assert [row["owned"] for row in listed] == [True, True, True]
    assert run("adopt", "--store", "0" * 32, "other").code == 1
    assert run("adopt", "--store", old, "lab", "other").code == 64


def test_two_backends_with_one_store_id_are_both_left_out(
    run: Callable[..., Ran], taken: dict[str, Path], repository: Path
) -> None:
    shutil.rmtree(repository / "other/.snapplan")
    shutil.copytree(repository / "lab/.snapplan", repository / "other/.snapplan")
    claim = repository / "other/.snapplan/backends/demo.json"
    claim.write_text(json.dumps({"backend": "other"}))
    run("accept", "other", "--reason", "moved")
    ran = run("plan")
    assert ran.code != 0
    assert "one of them is a copy" in ran.out + ran.err
