"""Whatever is changed in a saved plan: apply refuses, or does only what the plan held and the planner derives again.

Each change is tried twice: by somebody who edits the file, and by one who also makes its digest and checksum anew.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from snapplan.applier.consent import Terms
from snapplan.cli.planning import in_place_targets
from snapplan.errors import PlanStaleError
from snapplan.execution import Execution
from snapplan.ids import format_instant, parse_instant
from snapplan.models.order import Focus
from snapplan.models.plan import Action
from snapplan.plan_check import check, checksum
from snapplan.planner.digest import digest_of
from snapplan.workspace import Workspace

from .trusted import APPLIED, PLANNED, Inside, begin_again, every_verb, remember

INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
SAMPLE = 40
"""Of so many plans that are not refused one is carried out for real."""
Document = dict[str, Any]
Path_ = tuple[str | int, ...]


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every leaf of a document; an empty list or object is one."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    yield from below or [(path, value)]


def put(document: Document, path: Path_, value: Any) -> Document:
    made = copy.deepcopy(document)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def another(value: Any, others: list[Any]) -> Iterator[Any]:
    """Yield other values: one of the same kind, and one that stands elsewhere under the same key."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
    elif isinstance(value, str) and INSTANT.fullmatch(value):
        yield format_instant(parse_instant(value) + timedelta(days=1))
        yield format_instant(parse_instant(value) - timedelta(days=1))
    elif isinstance(value, str):
        yield value + "x"
    else:
        yield "x"
    yield from [other for other in others if other != value][:1]


def changed_fields(document: Document) -> Iterator[tuple[str, Document]]:
    by_key: dict[str | int, list[Any]] = {}
    for path, value in leaves(document):
        by_key.setdefault(path[-1], []).append(value)
    for path, value in leaves(document):
        for other in another(value, by_key[path[-1]]):
            yield f"{'/'.join(map(str, path))} = {other!r}", put(document, path, other)


def changed_actions(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield plans with an action removed, added, repeated, moved, and renumbered."""
    actions = document["actions"]
    top = len(actions)
    counted = document["summary"]
    for index, action in enumerate(actions):
        rest = [*actions[:index], *actions[index + 1 :]]
        verb = action["verb"]
        fewer = {**counted, verb: counted[verb] - 1}
        more = {**counted, verb: counted[verb] + 1}
        free = [{**one, "after": [n for n in one["after"] if n != action["number"]]} for one in rest]
        yield f"without {index}", {**document, "actions": rest}
        yield f"without {index}, counted", {**document, "actions": free, "summary": fewer}
        yield f"twice {index}", {**document, "actions": [*actions, action]}
        again = {**action, "number": top + 1}
        yield f"again {index}", {**document, "actions": [*actions, again], "summary": more}
        yield f"first {index}", {**document, "actions": [action, *rest]}
        for verb_now in ("expire", "restore", "snapshot", "change"):
            if action["snapshot"] is not None:
                new = {**again, "verb": verb_now, "after": [], "blocked_by": []}
                more = {**counted, verb_now: counted[verb_now] + 1}
                yield f"{index} as {verb_now}", {**document, "actions": [*actions, new], "summary": more}
        yield f"{index} waits for nothing", put(document, ("actions", index, "after"), [])
    yield "reversed", {**document, "actions": list(reversed(actions))}
    renumbered = [{**one, "number": n, "after": []} for n, one in enumerate(reversed(actions), start=1)]
    yield "reversed and renumbered", {**document, "actions": renumbered}
    yield "none", {**document, "actions": []}
    yield "none, counted", {**document, "actions": [], "summary": dict.fromkeys(counted, 0)}


def missing_keys(document: Document) -> Iterator[tuple[str, Document]]:
    for key in document:
        yield f"without {key}", {name: value for name, value in document.items() if name != key}
    yield "another key", {**document, "approved": True}


def resealed(document: Document) -> Document:
    """What an attacker who knows the format would write."""
    made = dict(document)
    with contextlib.suppress(KeyError, TypeError):
        made["digest"] = digest_of(made)
    return {**made, "checksum": checksum(made)}


def every_change(document: Document) -> list[tuple[str, Document]]:
    changes = [*changed_fields(document), *changed_actions(document), *missing_keys(document)]
    return [(what, changed) for what, changed in changes if changed != document]


def deed(action: Action) -> Action:
    """Return all of an action but its place in the plan."""
    return replace(action, number=0, after=())


class Silent:
    """An observer that hears nothing."""

    def started(self, action: Action) -> None: ...

    def planned(self, actions: Sequence[Action]) -> None: ...

    def finished(self, action: Action, result: object) -> None: ...

    def notice(self, text: str) -> None: ...


class Decider:
    """Decides as an apply does what of a plan may be carried out, without carrying it out."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.now = parse_instant(APPLIED)
        self.world = workspace.observe(self.now)

    def __call__(self, document: Document) -> tuple[Action, ...]:
        terms = Terms(saved=True, confirmed=frozenset(in_place_targets(document)))
        execution = Execution(self.workspace, None, Focus(), document, terms, Silent(), None)
        execution.refuse_outdated()
        return execution.decide(self.world, self.now)[0].actions


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_change_of_a_plan_makes_apply_do_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(monkeypatch, capsys)
    repository = every_verb(inside, tmp_path / "original")
    assert inside.run(repository.root, "plan", "--out", "plan.json", now=PLANNED).code == 0
    document = json.loads((repository.root / "plan.json").read_text())
    assert {action["verb"] for action in document["actions"]} == {
        *("profile", "assign", "snapshot", "change", "expire", "restore")
    }
    remember(repository)
    whole = inside.run(repository.root, "apply", "plan.json", now=APPLIED)
    assert whole.code == 0, whole.err
    planned = inside.done(repository.root)
    assert planned.total() == len(document["actions"])

    begin_again(repository)
    monkeypatch.chdir(repository.root)
    changes = every_change(document)
    refused = 0
    carried_out = []
    with Workspace.open(Path(), writable=False) as workspace:
        decide = Decider(workspace)
        original = decide(document)
        deeds = list(map(deed, original))
        assert len(original) == len(document["actions"])
        for what, changed in changes:
            with pytest.raises(PlanStaleError):
                check(changed, what)
            forged = resealed(changed)
            try:
                done = decide(check(forged, what))
            except PlanStaleError:
                refused += 1
                continue
            assert all(deed(action) in deeds for action in done), what
            assert len(done) <= len(original), what
            carried_out.append((what, forged))
    for what, forged in carried_out[::SAMPLE]:
        begin_again(repository)
        root = repository.root
        (root / "plan.json").write_text(json.dumps(forged))
        assert inside.run(root, "apply", "plan.json", now=APPLIED).code in (0, 7), what
        assert inside.done(root) <= planned, what
    fields = len(list(leaves(document)))
    with capsys.disabled():
        print(
            f"\n{fields} fields of a plan with {len(document['actions'])} actions, changed in {len(changes)} ways: "
            f"all refused as they are; with digest and checksum made anew {refused} refused, "
            f"{len(carried_out)} did nothing that was not in the plan"
        )
    assert fields > 300
    assert refused > 200
    assert len(carried_out) > 200


def test_a_file_that_was_edited_is_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(monkeypatch, capsys)
    repository = every_verb(inside, tmp_path / "original")
    inside.run(repository.root, "plan", "--out", "plan.json", now=PLANNED)
    file = repository.root / "plan.json"
    before = inside.done(repository.root)
    text = file.read_text()
    for old, new in (("CHG-1", "CHG-9"), ('"expire"', '"change"'), ("plan/1.1", "plan/2.0"), ("{", "[")):
        file.write_text(text.replace(old, new, 1))
        ran = inside.run(repository.root, "apply", "plan.json", now=APPLIED)
        assert ran.code == 5
        assert "SP502" in ran.err if "2.0" in new else "SP501" in ran.err
    assert inside.done(repository.root) == before
