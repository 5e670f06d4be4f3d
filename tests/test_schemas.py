"""The exported JSON Schemas are current, and they and the models agree on what is valid."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from case_files import focus_of, instant, orders_of, policy_of, world_of
from jsonschema import Draft202012Validator, FormatChecker

from snapplan.config import schema
from snapplan.config.load import load_file, load_repository
from snapplan.config.yaml import load
from snapplan.planner.build import plan

TESTS = Path(__file__).parent
SCHEMAS = TESTS.parent / "schemas"
EXAMPLES = TESTS.parent / "examples"
VALID, INVALID = TESTS / "valid", TESTS / "invalid"
REPOSITORIES = sorted(path.parent for base in (EXAMPLES, VALID) for path in base.rglob("snapplan.yaml"))
ACCEPTED = sorted(
    {
        file
        for root in REPOSITORIES
        for pattern in ("snapplan.yaml", "policies/**/*.yaml")
        for file in root.glob(pattern)
    }
)
CASES = sorted((TESTS / "cases").rglob("*.yaml"))
ACCEPTS = "# schema: accepts"


def readable(path: Path) -> bool:
    """Whether the file is strict YAML, so that it says something that a schema can be asked about."""
    document = load(path.read_bytes())
    return document.complete and not document.problems


SINGLE_FILES = sorted(
    path
    for path in INVALID.rglob("*.yaml")
    if "folders" not in path.parts and path.name != "snapplan.yaml" and readable(path)
)


@cache
def validator(name: str) -> Draft202012Validator:
    made = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(made, format_checker=FormatChecker())


def kind(path: Path) -> str:
    return "config" if path.name == "snapplan.yaml" or path.parent.name == "config" else "policy"


def label(path: Path) -> str:
    return path.relative_to(TESTS.parent).as_posix()


@pytest.mark.parametrize("name", schema.NAMES)
def test_files_are_current(name: str, tmp_path: Path) -> None:
    schema.write(tmp_path)
    made = (tmp_path / f"{name}.schema.json").read_text(encoding="utf-8")
    assert made == (SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"), "run make docs-update"


@pytest.mark.parametrize("name", schema.NAMES)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(validator(name).schema)


@pytest.mark.parametrize("root", REPOSITORIES, ids=label)
def test_examples_have_no_errors_or_warnings(root: Path) -> None:
    found = load_repository(root).diagnostics
    assert [one for one in found if one.severity != "note"] == []


@pytest.mark.parametrize("path", ACCEPTED, ids=label)
def test_schema_accepts_examples(path: Path) -> None:
    assert [error.message for error in validator(kind(path)).iter_errors(load(path.read_bytes()).data)] == []


@pytest.mark.parametrize("path", SINGLE_FILES, ids=label)
def test_schema_agrees_on_invalid_files(path: Path) -> None:
    announced = ACCEPTS in path.read_text(encoding="utf-8").splitlines()
    assert validator(kind(path)).is_valid(load(path.read_bytes()).data) == announced


def test_schema_refuses_most_of_what_is_wrong_in_itself() -> None:
    refused = [path for path in SINGLE_FILES if ACCEPTS not in path.read_text(encoding="utf-8").splitlines()]
    assert len(refused) >= 60
    assert all(any(one.severity in ("error", "warning") for one in load_file(path).diagnostics) for path in refused)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_plans_are_valid_documents(path: Path) -> None:
    document = made_plan(path)
    assert [error.message for error in validator("plan").iter_errors(document)] == []
    assert json.loads(json.dumps(document)) == document


def test_an_altered_plan_is_refused() -> None:
    document = next(found for found in map(made_plan, CASES) if found["actions"])
    assert validator("plan").is_valid(document)
    for change in ({"format": "snapplan.plan/2.0"}, {"as_of": "yesterday"}, {"actions": [{}]}, {"extra": 1}):
        assert not validator("plan").is_valid({**document, **change})
    for key in document:
        assert not validator("plan").is_valid({name: value for name, value in document.items() if name != key})


def made_plan(path: Path) -> dict[str, Any]:
    case = load(path.read_bytes()).data
    policy = policy_of(case)
    made = plan(policy, world_of(case, policy), instant(case["now"]), orders=orders_of(case), focus=focus_of(case))
    return made.document()
