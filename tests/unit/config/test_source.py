"""Findings point at the right characters, and show neither secrets nor terminal commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import Field
from unit.config.findings import CONFIG, loaded

from snapplan.config.source import MAX_FINDINGS, Source
from snapplan.config.yaml import load
from snapplan.drivers import registry
from snapplan.drivers.base import DriverType
from snapplan.models.policy import Model
from snapplan.models.target import Capabilities, Scope
from snapplan.models.values import SecretReference

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.diagnostics import Diagnostic


class CloudOptions(Model):
    host: str
    token: SecretReference
    retries: int = Field(3, strict=True)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a driver with a secret known."""

    def open_it(settings: object) -> None:
        raise AssertionError("validate opens no backend")

    driver = DriverType("cloud", "For tests", Capabilities(frozenset(Scope)), CloudOptions, open_it)  # type: ignore[arg-type]
    find = registry.find
    monkeypatch.setattr(registry, "find", lambda name: driver if name == "cloud" else find(name))


@pytest.mark.parametrize(
    ("text", "path", "value", "marked"),
    [
        ("a:\n  bcd: efg\n", ("a", "bcd"), False, "bcd"),
        ("a:\n  bcd: efg # no\n", ("a", "bcd"), True, "efg"),
        ("a: {b: two words, c: 1}\n", ("a", "b"), True, "two words"),
        ("a: {b: 'it''s, ok', c: 1}\n", ("a", "b"), True, "'it''s, ok'"),
        ('a: {b: "x \\" }", c: 1}\n', ("a", "b"), True, '"x \\" }"'),
        ("a: [one, two]\n", ("a", "1"), False, "two"),
        ("a: [one, two]\n", ("a", "1"), True, "two"),
        ("a: [[1]]\n", ("a", "0"), True, "["),
        ("'quoted key': 1\n", ("quoted key",), False, "'quoted key'"),
        ("a: x#y\n", ("a",), True, "x#y"),
        ("a: http://h:1/p\n", ("a",), True, "http://h:1/p"),
        ("a: {b: 1}\n", ("a", "missing", "deeper"), True, "a"),
    ],
)
def test_marks_these_characters(text: str, path: tuple[str, ...], value: bool, marked: str) -> None:
    source = Source("a.yaml", text.encode(), load(text.encode()))
    where, width = source.locate(path, value=value)
    assert source.lines[where.line - 1][where.column - 1 : where.column - 1 + width] == marked


def test_a_path_that_stands_nowhere_is_the_file() -> None:
    source = Source("a.yaml", b"a: 1\n", load(b"a: 1\n"))
    assert str(source.locate(("b", "c"))[0]) == "a.yaml:1:1"


def test_shows_two_lines_before_and_one_after() -> None:
    content = b"profiles: 1\nl2: 2\nl3: 3\nl4: 4\nl5: 5\n"
    source = Source("a.yaml", content, load(content))
    assert [number for number, _ in source.snippet(3)] == [1, 2, 3, 4]
    assert [number for number, _ in source.snippet(1)] == [1, 2]
    assert source.snippet(5) == ((3, "l3: 3"), (4, "l4: 4"), (5, "l5: 5"))


def shown(found: list[Diagnostic]) -> str:
    return "\n".join(
        text for one in found for text in (one.summary, one.detail, one.hint, *(line for _, line in one.snippet))
    )


SECRETS = {
    "in a block": "    host: h\n    token: hunter2\n    retries: x\n",
    "over lines": "    host: h\n    token: |\n      first\n      hunter2\n    retries: x\n",
    "folded": "    host: h\n    token: first\n      hunter2\n    retries: x\n",
    "quoted over lines": '    host: h\n    token: "first\n\n      hunter2"\n    retries: x\n',
    "as a number": "    host: h\n    token: 4817263509182736\n    retries: x\n",
    "as a list": "    host: h\n    token: [hunter2]\n    retries: x\n",
    "in text that is not YAML": "    host: h\n    token: hunter2\n   retries: x\n",
    "under a misspelt key": "    host: h\n    tokens: hunter2\n    retries: x\n",
    "in another driver's key": "    host: h\n    token: ${env:A}\n    api_key: hunter2\n",
}


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("name", SECRETS)
def test_a_literal_secret_is_refused_and_never_shown(name: str, tmp_path: Path) -> None:
    config = f"version: 1\nproject: p\nbackends:\n  dc1:\n    driver: cloud\n{SECRETS[name]}"
    found = loaded(tmp_path, config)
    assert found.policy is None
    assert "hunter2" not in shown(found.diagnostics)
    assert "4817263509182736" not in shown(found.diagnostics)


@pytest.mark.usefixtures("cloud")
def test_a_literal_secret_has_its_code_and_place(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends:\n  dc1: {driver: cloud, host: h, token: hunter2}\n"
    (error,) = (one for one in loaded(tmp_path, config).diagnostics if one.severity == "error")
    assert (error.code, str(error.where)) == ("SP117", "snapplan.yaml:4:40")
    assert "${env:NAME}" in error.hint


@pytest.mark.usefixtures("cloud")
def test_references_stand_where_secrets_do_only(tmp_path: Path) -> None:
    config = (
        "version: 1\nproject: p\nbackends:\n"
        "  dc1: {driver: cloud, host: '${env:HOST}', token: '${file:/run/secrets/dc1}'}\ncatalog: ${env:CATALOG}\n"
    )
    errors = [f"{one.code} {one.where}" for one in loaded(tmp_path, config).diagnostics if one.severity == "error"]
    assert errors == ["SP118 snapplan.yaml:4:30", "SP118 snapplan.yaml:5:10", "SP230 snapplan.yaml:5:10"]


@pytest.mark.usefixtures("cloud")
def test_keys_of_the_driver_are_checked_and_suggested(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends:\n  dc1: {driver: cloud, hots: h, token: '${env:A}', retries: 1.5}\n"
    errors = [one for one in loaded(tmp_path, config).diagnostics if one.severity == "error"]
    assert [(one.code, one.where and one.where.column, one.hint) for one in errors] == [
        ("SP104", 24, 'did you mean "host"?'),
        ("SP106", 61, ""),
    ]


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    text = 'profiles:\n  "gold\\e[31m\\n": {}\n  "a\\tb": {}\n'
    found = loaded(tmp_path, a=text).diagnostics
    assert found
    assert all(line.isprintable() for line in shown(found).split("\n"))


def test_many_findings_keep_the_errors(tmp_path: Path) -> None:
    count = MAX_FINDINGS + 50
    warnings = "".join(
        f"  p{n}: {{periods: {{d: {{frequency: hourly, hour: 3, retention: 9d}}}}}}\n" for n in range(count)
    )
    found = loaded(tmp_path, CONFIG, a="profiles:\n" + warnings, b="profiles: []\nzzz: 1\n").diagnostics
    assert len(found) == MAX_FINDINGS
    assert sum(one.severity == "error" for one in found) == 1
