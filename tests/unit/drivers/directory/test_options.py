from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from snapplan.config.load import load_repository
from snapplan.drivers.directory.options import DirectoryOptions, NamedPath
from snapplan.drivers.memory import options as memory

if TYPE_CHECKING:
    from pathlib import Path

MODELS: list[type[BaseModel]] = [
    DirectoryOptions,
    NamedPath,
    memory.MemoryOptions,
    memory.ScriptedTarget,
    memory.ScriptedSnapshot,
    memory.ScriptedFault,
    memory.ScriptedPin,
]
TYPED = [
    pytest.param(model, name, kind, id=f"{model.__name__}.{name}")
    for model in MODELS
    for name, field in model.model_fields.items()
    for kind in {field.annotation, *get_args(field.annotation)} & {bool, int}
]


@pytest.mark.parametrize(("model", "name", "kind"), TYPED)
def test_text_is_no_number_and_no_truth_value(model: type[BaseModel], name: str, kind: type[Any]) -> None:
    wrong = "yes" if kind is bool else "4"
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: wrong})
    assert (name,) in [error["loc"] for error in caught.value.errors()]


def test_all_such_fields_are_looked_at() -> None:
    assert len(TYPED) >= 10


def test_the_place_of_a_wrong_option_is_said(tmp_path: Path) -> None:
    (tmp_path / "snapplan.yaml").write_text(
        "version: 1\nproject: p\nbackends:\n  lab:\n    driver: directory\n    root: lab\n"
        '    content_hashes: yes\n    parallel: "4"\n'
    )
    found = {
        (str(each.where), each.summary)
        for each in load_repository(tmp_path, may_be_empty=True).diagnostics
        if each.severity == "error"
    }
    assert found == {
        ("snapplan.yaml:7:21", '"content_hashes" must be true or false, not "yes"'),
        ("snapplan.yaml:8:15", '"parallel" must be a whole number, not "4"'),
    }
