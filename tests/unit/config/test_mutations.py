"""Whatever is written into a valid policy: findings with places, never an exception."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snapplan.config.load import load_repository
from snapplan.config.yaml import load

EVERYTHING = Path(__file__).parents[2] / "valid" / "everything"
FILES = {name: load((EVERYTHING / name).read_bytes()).data for name in ("snapplan.yaml", "policies/all.yaml")}
ODD = [
    None, True, 0, -1, 31, 10**17, 1.5, "", "x", "..", "/", "*", "[", "[a-", "a" * 300, "forever", "never", "0s", "24h",
    "999999999y", "2026-11-22T02:00Z", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "2400-01-01T00:00", "last",
    [], [[]], [{}], {}, {"a": 1}, {"": 1}, [None], "${env:A}", "lab/vm/x@y", "cloud", "in_place", "\n", "\U0001f600",
    "{{ x }}",
    "* * * * *", "0 0 30 2 *", "0 0 L * *", "*/0 * * * *", "memory:", "postgresql://u:p@h/d", "profiles.a.b.c",
]  # fmt: skip
KEYS = ["x", "..", "a.b", "cron", "at", "<<", "driver", "targets", "", "1"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def changed_files(draw: st.DrawFn) -> dict[str, Any]:
    """Replace, remove or rename up to four things anywhere in the two files."""
    files = copy.deepcopy(FILES)
    for _ in range(draw(st.integers(1, 4))):
        content = files[draw(st.sampled_from(sorted(files)))]
        *above, key = draw(st.sampled_from(places(content)[1:] or [("x",)]))
        holder = content
        for step in above:
            holder = holder[step]
        change = draw(st.sampled_from(["replace", "replace", "remove", "rename"]))
        if change == "replace":
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif change == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = holder.pop(key, 1)
        elif key in holder or isinstance(key, int):
            del holder[key]
    return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("changed")
    (root / "policies").mkdir()
    return root


@given(files=changed_files())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_raises(folder: Path, files: dict[str, Any]) -> None:
    for name, data in files.items():
        (folder / name).write_text(json.dumps(data, indent=1), encoding="utf-8")
    found = load_repository(folder)
    errors = [one for one in found.diagnostics if one.severity == "error"]
    assert (found.policy is None) == bool(errors)
    for one in found.diagnostics:
        assert one.where is not None
        assert one.where.file in files
        assert one.summary
        assert one.summary.isprintable()
        assert one.snippet or one.code == "SP114"
    if found.policy is not None:
        for profile in found.policy.profiles.values():
            assert profile.model_dump(mode="json", by_alias=True)
        assert all(str(place) for place in found.policy.where.values())
