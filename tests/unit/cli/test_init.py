from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ran


def test_a_new_repository_is_valid(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("init", "-C", str(tmp_path), "--project", "demo")
    assert ran.code == 0
    names = ["snapplan.yaml", "policies/example.yaml", "schemas/config.schema.json", "schemas/policy.schema.json"]
    assert ran.out.splitlines() == [str(tmp_path / name) for name in names]
    checked = run("validate", "--strict", str(tmp_path))
    assert checked == (0, "No findings in 2 files.\n", "")


@pytest.mark.parametrize("existing", ["snapplan.yaml", "policies/example.yaml", "schemas/policy.schema.json"])
def test_nothing_is_overwritten(run: Callable[..., Ran], tmp_path: Path, existing: str) -> None:
    path = tmp_path / existing
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    ran = run("init", "-C", str(tmp_path))
    assert ran.code == 64
    assert "exists already; nothing was written" in ran.err
    assert path.read_text() == "mine"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize(("folder", "project"), [("my policies!", "my-policies"), ("---", "snapshots"), ("ok", "ok")])
def test_the_project_is_named_after_the_folder(
    run: Callable[..., Ran], tmp_path: Path, folder: str, project: str
) -> None:
    root = tmp_path / folder
    root.mkdir()
    assert run("init", "-C", str(root)).code == 0
    assert f"project: {project} " in (root / "snapplan.yaml").read_text()
    assert run("validate", "-C", str(root)).code == 0


def test_a_project_that_cannot_be_one_is_refused(run: Callable[..., Ran], tmp_path: Path) -> None:
    assert run("init", "-C", str(tmp_path), "--project", "a b").code == 64
    assert list(tmp_path.iterdir()) == []
