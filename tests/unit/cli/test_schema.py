from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Ran

PLANS = sorted((Path(__file__).parents[2] / "golden" / "plans").glob("*.json"))


@pytest.mark.parametrize("name", ["policy", "config", "plan"])
def test_a_schema_is_a_schema(run: Callable[..., Ran], name: str) -> None:
    ran = run("schema", name)
    assert ran.code == 0
    Draft202012Validator.check_schema(json.loads(ran.out))


def test_what_plan_prints_is_valid(run: Callable[..., Ran], repository: Path) -> None:
    schema = json.loads(run("schema", "plan").out)
    Draft202012Validator(schema).validate(json.loads(run("plan", "--format", "json").out))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_plans_that_are_rendered_in_tests_are_valid(run: Callable[..., Ran], path: Path) -> None:
    schema = json.loads(run("schema", "plan").out)
    Draft202012Validator(schema).validate(json.loads(path.read_text(encoding="utf-8")))


def test_what_init_writes_is_valid(run: Callable[..., Ran], tmp_path: Path) -> None:
    config, policy = run("init", "-C", str(tmp_path), "--project", "demo").out.splitlines()
    for name, path in (("config", config), ("policy", policy)):
        schema = json.loads(run("schema", name).out)
        text = Path(path).read_text(encoding="utf-8")
        assert text.startswith(f"# yaml-language-server: $schema={schema['$id']}\n")
        Draft202012Validator(schema).validate(yaml.safe_load(text))
