"""The simulator's layers: what may import what, and what is pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent / "snapplan"
HOME = "snapplan.devtools.vergeos"
BELOW = {
    "tables": {"tables"},
    "store": {"tables"},
    "refusal": set(),
    "query": {"tables", "store", "refusal", "query"},
    "rules": {"tables", "store", "refusal", "query", "rules"},
    "planting": {"tables", "store", "refusal", "rules", "seed"},
    "seed": {"tables", "refusal", "rules", "planting"},
    "state": {"tables", "refusal", "rules"},
    "web": {"tables", "refusal", "rules", "planting", "seed", "state", "web"},
    "command": {"refusal", "seed", "state", "web"},
}
PURE = {"tables", "store", "refusal", "query", "rules"}
HARMLESS = {"__future__", "base64", "binascii", "calendar", "collections", "dataclasses", "datetime", "enum", "fnmatch"}
HARMLESS |= {"hashlib", "heapq", "itertools", "operator", "re", "typing", "zoneinfo"}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == HOME:
            found |= {f"{HOME}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


MODULES = sorted((ROOT / "devtools" / "vergeos").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "devtools")))
def test_layers(path):
    part = path.relative_to(ROOT / "devtools" / "vergeos").parts[0].removesuffix(".py")
    if part == "__init__":
        return
    inner = {name.removeprefix(f"{HOME}.").split(".")[0] for name in imported(path) if name.startswith(HOME)}
    assert inner <= BELOW[part]
    if part in PURE:
        outer = {name.split(".")[0] for name in imported(path) if not name.startswith(HOME)}
        assert outer <= HARMLESS


def test_nothing_else_imports_the_simulator():
    others = [path for path in ROOT.rglob("*.py") if "devtools" not in path.parts]
    assert len(others) > 50
    assert [path for path in others if any(name.startswith("snapplan.devtools") for name in imported(path))] == []
