"""Files made to exhaust or mislead the reader: a finding with its place, in bounded time and memory."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import pytest

from snapplan.config.load import load_file, load_repository
from snapplan.config.yaml import MAX_BYTES, load

if TYPE_CHECKING:
    from pathlib import Path

CPU_SECONDS = 10
MEGABYTES = 600

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
)
HOSTILE = {
    "alias bomb": (BOMB.encode(), "SP103"),
    "an alias of itself": (b"profiles: &p {gold: *p}\n", "SP101"),
    "100,000 lists in each other": (b"profiles: " + b"[" * 100_000, "SP103"),
    "100,000 mappings in each other": (b"profiles: " + b"{a: " * 100_000, "SP103"),
    "100,000 levels of indentation": (b"".join(b" " * n + b"a:\n" for n in range(2_000)), "SP103"),
    "50 MB of one text": (b"profiles: " + b"x" * 50_000_000, "SP103"),
    "a NUL": (b"profiles:\n  gold\x00: {}\n", "SP102"),
    "only NULs": (b"\x00" * 4096, "SP102"),
    "not UTF-8": (b"profiles:\n  g\xffld: {}\n", "SP102"),
    "UTF-16": ("profiles: {}\n".encode("utf-16"), "SP102"),
    "a surrogate": (b"profiles:\n  \xed\xa0\x80: {}\n", "SP102"),
    "text that runs from right to left": ("profiles:\n  gold: {} # \u202e }{\n".encode(), "SP102"),
    "a line separator": ("profiles:\n  gold: 1\u2028  silver: 2\n".encode(), "SP102"),
    "a colour for the terminal": (b"profiles:\n  \x1b[31mgold: {}\n", "SP102"),
    "an object to be made": (b"profiles: !!python/object/apply:os.system [id]\n", "SP110"),
    "100,000 problems": (b"profiles:\n" + b"  gold: 1\n" * 100_000, "SP103"),
    "a very long number": (b"profiles: {gold: {periods: {a: {retention: " + b"9" * 100_000 + b"}}}}\n", "SP108"),
    "a very long key": (b"profiles: {gold: {" + b"k" * 100_000 + b": 1}}\n", "SP101"),
    "a million empty documents": (b"---\n" * 1_000_000, "SP110"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_ends_with_a_finding_that_has_a_place(name: str, tmp_path: Path) -> None:
    content, code = HOSTILE[name]
    (tmp_path / "snapplan.yaml").write_text("version: 1\nproject: a\nbackends: {lab: {driver: memory}}\n")
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content)
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = load_file(path)
    assert time.process_time() - started < CPU_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEGABYTES * 1024
    assert loaded.policy is None
    assert code in {one.code for one in loaded.diagnostics}
    assert len(loaded.diagnostics) <= 1_000
    for one in loaded.diagnostics:
        assert one.where is not None
        assert one.where.line >= 1
        assert one.where.column >= 1
        assert len(one.summary) < 1_000
        shown = [one.summary, one.hint, *(text for _, text in one.snippet)]
        assert all(text.isprintable() for text in shown)


def test_the_largest_file_is_read() -> None:
    line = b"# " + b"x" * 97 + b"\n"
    content = line * (MAX_BYTES // len(line))
    assert load(content).problems == []
    assert [problem.code for problem in load(content + line).problems] == ["SP103"]


@pytest.mark.parametrize("content", [b"", b"\n", b"# only\n", b"---\n", b"\xef\xbb\xbf", b"%YAML 1.1\n---\n"])
def test_nothing_is_nothing(content: bytes) -> None:
    assert load(content).data is None
    assert load(content).problems == []


PROFILE = "{periods: {d: {frequency: daily, retention: 1d}}}"
USED = "assignments: {a: {profile: g, targets: [{backend: lab, scope: vm}]}}\n"
MANY = {
    "a catalog of colons": ("catalog: '://" + ":" * 200_000 + "'\n", ""),
    "references that never end": ("catalog: '" + "${" * 200_000 + "'\n", ""),
    "unknown keys": ("", "".join(f"x{number}: 1\n" for number in range(50_000))),
    "slips of the pen": (
        "",
        "profiles:\n"
        + "".join(f"  p{number}: {PROFILE}\n" for number in range(1_500))
        + "assignments:\n"
        + "".join(
            f"  a{number}: {{profile: q{number}, targets: [{{backend: lab, scope: vm}}]}}\n" for number in range(1_500)
        ),
    ),
    "wrong periods": (
        "",
        "profiles:\n  g:\n    periods:\n"
        + "".join(f"      d{number}: {{frequenzy: daily, retention: 1d}}\n" for number in range(4_000)),
    ),
    "wrong time zones": (
        "",
        "profiles:\n"
        + "".join(
            f"  g{number}: {{timezone: Europe/Z{number}, periods: {{d: {{frequency: daily, retention: 1d}}}}}}\n"
            for number in range(1_000)
        ),
    ),
    "folders in one place": (
        "  d: {driver: directory, store: /s, volumes: {"
        + ", ".join(f"v{number}: {'/a' * 20}" for number in range(3_000))
        + "}}\n",
        "",
    ),
    "backends": ("".join(f"  l{number}: {{driver: memry}}\n" for number in range(1_900)), ""),
    "too many backends": ("".join(f"  l{number}: {{driver: memory}}\n" for number in range(3_000)), ""),
}


@pytest.mark.parametrize("name", MANY)
def test_many_mistakes_do_not_take_the_square_of_their_number(name: str, tmp_path: Path) -> None:
    more, policy = MANY[name]
    config = f"version: 1\nproject: a\nbackends:\n  lab: {{driver: memory}}\n{more}"
    (tmp_path / "snapplan.yaml").write_text(config)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.yaml").write_text(policy or f"profiles: {{g: {PROFILE}}}\n{USED}")
    started = time.process_time()
    loaded = load_repository(tmp_path)
    assert time.process_time() - started < CPU_SECONDS
    assert 0 < len(loaded.diagnostics) <= 1_000
