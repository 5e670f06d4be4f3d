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
    for path in map(Path, run("init", "-C", str(tmp_path), "--project", "demo").out.splitlines()[:2]):
        text = path.read_text(encoding="utf-8")
        modeline = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        schema = json.loads((path.parent / modeline).read_text(encoding="utf-8"))
        name = "config" if path.name == "snapplan.yaml" else "policy"
        assert schema == json.loads(run("schema", name).out)
        Draft202012Validator(schema).validate(yaml.safe_load(text))


def places(schema: object) -> list[str]:
    """Return every identifier of a schema and everything it refers to; its dialect is known to all validators."""
    if isinstance(schema, list):
        return [place for item in schema for place in places(item)]
    if not isinstance(schema, dict):
        return []
    here = [schema[key] for key in ("$id", "$ref") if isinstance(schema.get(key), str)]
    return here + [place for item in schema.values() for place in places(item)]


@pytest.mark.parametrize("name", ["policy", "config", "plan"])
def test_a_schema_needs_no_network(run: Callable[..., Ran], name: str) -> None:
    found = places(json.loads(run("schema", name).out))
    assert found[0] == f"{name}.schema.json"
    assert [place for place in found[1:] if not place.startswith("#/")] == []
