"""Which files ``include:`` names: in bounded time, through no link to a folder, and nothing silently missing."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

import pytest
from unit.config.findings import CONFIG, repository, stopping

from snapplan.config import include
from snapplan.config.include import included, literal_folders, names
from snapplan.config.load import load_repository
from snapplan.config.source import Findings
from snapplan.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILES = ("a.yaml", "p/a.yaml", "p/q/a.yaml", "p/q/r/b.yml", "p/.hidden/a.yaml", "other/p/a.yaml", "snapplan.yaml")


def tree(root: Path, files: Sequence[str] = FILES) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


def found(root: Path, *globs: str) -> list[str]:
    findings = Findings(lambda _: None)
    paths = included(root, globs, findings)
    assert [one for one in findings.sorted() if one.severity is Severity.ERROR] == []
    return [path.relative_to(root).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("**/*.yaml", ["a.yaml", "other/p/a.yaml", "p/a.yaml", "p/q/a.yaml"]),
        ("p/**/*.yaml", ["p/a.yaml", "p/q/a.yaml"]),
        ("p/**/**/**/*.yaml", ["p/a.yaml", "p/q/a.yaml"]),
        ("p/*/a.yaml", ["p/q/a.yaml"]),
        ("**/p/*", ["other/p/a.yaml", "p/a.yaml"]),
        ("p/**", ["p/a.yaml", "p/q/a.yaml", "p/q/r/b.yml"]),
        ("p/q/r/b.yml", ["p/q/r/b.yml"]),
        ("?/[q]/*.y*", ["p/q/a.yaml"]),
        ("./p//a.yaml", ["p/a.yaml"]),
        ("**/q/**/*.yml", ["p/q/r/b.yml"]),
    ],
)
def test_names_these_files(glob: str, expected: list[str], tmp_path: Path) -> None:
    assert found(tree(tmp_path), glob) == expected
    assert [name for name in sorted(FILES) if names([glob], name)] == expected, "paths of git are matched alike"


def test_several_globs_name_a_file_once(tmp_path: Path) -> None:
    assert found(tree(tmp_path), "p/**/*.yaml", "**/q/*.yaml") == ["p/a.yaml", "p/q/a.yaml"]


def test_the_folders_that_hold_everything() -> None:
    assert literal_folders(["policies/**/*.yaml", "teams/web/*.yaml", "one/a.yaml"]) == ["one", "policies", "teams/web"]
    assert literal_folders(["**/*.yaml"]) == [""]


@pytest.mark.parametrize(
    "glob",
    [
        "**/" * 300 + "*.yaml",
        "**/a/" * 20 + "*.yaml",
        "**/*/" * 12 + "x.yaml",
        "*a" * 200 + ".yaml",
        "**/" + "*a*" * 100 + "b.yaml",
    ],
)
def test_a_glob_made_to_exhaust_ends_soon(glob: str, tmp_path: Path) -> None:
    """``**/`` thirty times took half a minute in a repository of some hundred folders."""
    for parts in product("ab", repeat=7):
        (tmp_path / "/".join(parts)).mkdir(parents=True, exist_ok=True)
    (tmp_path / ("a" * 250)).write_text("")
    started = time.process_time()
    included(tmp_path, [glob], Findings(lambda _: None))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_ENTRIES", 20), ("MAX_STEPS", 20), ("MAX_FILES", 20), ("MAX_GLOBS", 0)]
)
def test_what_leads_to_too_much_is_an_error(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, [f"p/{number}.yaml" for number in range(30)])
    monkeypatch.setattr(include, limit, value)
    findings = Findings(lambda _: None)
    included(tmp_path, ["p/*.yaml"], findings)
    assert "SP103" in {one.code for one in findings.sorted() if one.severity is Severity.ERROR}


def test_folders_without_end_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(include, "MAX_DEPTH", 3)
    root = repository(tmp_path, CONFIG + 'include: ["**/*.yaml"]\n')
    (root / "a/b/c/d/e").mkdir(parents=True)
    assert "SP103 a/b/c/d:1:1" in stopping(load_repository(root).diagnostics)


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", ["secret.yaml"])
    root = repository(tmp_path / "r", CONFIG + 'include: ["policies/**/*.yaml"]\n', a="profiles: {}\n")
    (root / "policies" / "deep").symlink_to(outside)
    (root / "policies" / "round").symlink_to(root)
    assert load_repository(root).files == ("snapplan.yaml", "policies/a.yaml")


@pytest.mark.parametrize("glob", ["teams/*.yaml", "teams/x.yaml", "t*/*.yaml", "teams/**/*.yaml"])
def test_a_link_to_a_folder_that_a_glob_names_is_said(glob: str, tmp_path: Path) -> None:
    """What is behind it would silently be missing, and its protection with it."""
    root = repository(tmp_path, f'{CONFIG}include: ["{glob}", "policies/*.yaml"]\n', a="profiles: {}\n")
    tree(root, ["shared/x.yaml"])
    (root / "teams").symlink_to("shared")
    assert "SP113 teams:1:1" in stopping(load_repository(root).diagnostics)


def test_a_literal_path_that_is_missing_is_an_error(tmp_path: Path) -> None:
    gold = "profiles: {gold: {periods: {daily: {frequency: daily, retention: 14d}}}}\n"
    used = "assignments: {all: {profile: gold, targets: [{backend: lab, scope: vm}]}}\n"
    config = CONFIG + 'include: ["policies/a.yaml", "policies/b.yaml"]\n'
    root = repository(tmp_path, config, a=gold + used, b="moved: []\n")
    assert load_repository(root).policy is not None
    (root / "policies" / "b.yaml").unlink()
    loaded = load_repository(root)
    assert stopping(loaded.diagnostics) == ["SP114 snapplan.yaml:5:30"]
    assert loaded.policy is None
