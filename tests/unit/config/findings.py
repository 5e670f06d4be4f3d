"""Reads policy repositories that tests write, and shows findings in short."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from snapplan.config.load import Loaded, load_repository
from snapplan.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from snapplan.diagnostics import Diagnostic

CONFIG = """\
version: 1
project: example
backends:
  lab: {driver: memory}
"""
_EXPECT = re.compile(r"# expect: (SP[0-9]{3}) at ([0-9]+):([0-9]+)")


def repository(root: Path, config: str | None = None, **files: str) -> Path:
    """Write ``snapplan.yaml`` and ``policies/NAME.yaml`` files; return the folder."""
    (root / "policies").mkdir(parents=True, exist_ok=True)
    (root / "snapplan.yaml").write_text(CONFIG if config is None else config, encoding="utf-8")
    for name, text in files.items():
        (root / "policies" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return root


def loaded(root: Path, config: str | None = None, **files: str) -> Loaded:
    return load_repository(repository(root, config, **files), may_be_empty=not files)


def stopping(found: Iterable[Diagnostic]) -> list[str]:
    """Show errors and warnings as ``SP104 policies/a.yaml:4:7``."""
    return [f"{one.code} {one.where}" for one in found if one.severity is not Severity.NOTE]


def expected(text: str) -> list[tuple[str, int, int]]:
    """Return what the first lines of an invalid file announce."""
    head = [line for line in text.splitlines() if line.startswith("# ")]
    matched = (_EXPECT.fullmatch(line) for line in head)
    return sorted((match[1], int(match[2]), int(match[3])) for match in matched if match)
