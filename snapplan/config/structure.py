"""Each entry of each section as a model; what is wrong with one entry does not hide what is wrong with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from snapplan.config.explain import NAME_RULE, kind, report, show, suggest
from snapplan.diagnostics import Severity
from snapplan.ids import KEY_NAME
from snapplan.models.policy import (
    Assignment,
    ConfigFile,
    ManualSnapshot,
    Model,
    Moved,
    Objective,
    Period,
    Profile,
    Restore,
    Selector,
)
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.config.source import Findings, Source
    from snapplan.config.yaml import Path

M = TypeVar("M", bound=Model)

SECTIONS: dict[str, tuple[type[Model], str]] = {
    "profiles": (Profile, "a profile"),
    "assignments": (Assignment, "an assignment"),
    "snapshots": (ManualSnapshot, "a manual snapshot"),
    "restores": (Restore, "a restore"),
    "objectives": (Objective, "an objective"),
}
MOVED = "moved"
_SECTION_NAMES = (*SECTIONS, MOVED)
_CONFIG_KEYS = frozenset(ConfigFile.model_fields)

BROKEN_SELECTOR = Selector.model_construct(backend="", scope=Scope.VM)
BROKEN_PERIOD = Period.model_construct(frequency="custom", retention=None)
"""What stands for a selector and for the periods that had errors of their own; later checks leave them out."""


class Entries(NamedTuple):
    """All sections of all policy files, as far as they could be read.

    ``owners`` says which file defines an entry; for ``moved`` the file and the index in it. ``defined`` are the names of
    each section, of entries with errors too.
    """

    sections: dict[str, dict[str, Any]]
    moved: dict[str, Moved]
    owners: dict[tuple[str, str], tuple[Source, str]]
    defined: dict[str, set[str]]

    def find(self, path: Path) -> tuple[Source, Path] | None:
        """Return the file that holds ``path``, and the path within it."""
        owner = self.owners.get((path[0], path[1])) if len(path) > 1 else None
        if owner is None:
            return None
        source, key = owner
        return source, (path[0], key, *path[2:])


def empty() -> Entries:
    """Return no entries."""
    return Entries({name: {} for name in SECTIONS}, {}, {}, {name: set() for name in _SECTION_NAMES})


def top_level(source: Source, findings: Findings) -> dict[str, Any]:
    """Return the sections of a policy file, without those that are wrong as a whole."""
    data = source.document.data
    if data is None:
        if source.document.complete:
            findings.in_file(source, "SP116", source.locate(())[0], "the file holds nothing", severity=Severity.WARNING)
        return {}
    if not isinstance(data, dict):
        where = source.locate(())[0]
        hint = f"write sections: {', '.join(_SECTION_NAMES)}"
        findings.in_file(source, "SP106", where, f"a policy file must be a mapping, not {kind(data)}", hint=hint)
        return {}
    return {key: value for key, value in data.items() if _is_section(source, key, value, findings)}


def _is_section(source: Source, key: str, value: object, findings: Findings) -> bool:
    where, width = source.locate((key,))
    if key not in _SECTION_NAMES:
        in_config = "this key belongs in snapplan.yaml" if key in _CONFIG_KEYS else ""
        hint = in_config or suggest(key, _SECTION_NAMES)
        summary = f"unknown section {show(key)} in a policy file"
        findings.in_file(source, "SP104", where, summary, hint=hint, width=width)
        return False
    if not value and (value is None or isinstance(value, (dict, list))):
        findings.in_file(source, "SP116", where, f'"{key}" is empty', width=width, severity=Severity.WARNING)
        return False
    expected: tuple[type, str] = (list, "a list") if key == MOVED else (dict, "a mapping of names")
    if not isinstance(value, expected[0]):
        summary = f'"{key}" must be {expected[1]}, not {show(value)}'
        findings.in_file(source, "SP106", where, summary, width=width)
        return False
    return True


def read_sections(source: Source, entries: Entries, findings: Findings) -> None:
    """Add the entries of one policy file; ``findings`` must find paths through ``entries``."""
    for section, content in top_level(source, findings).items():
        if section == MOVED:
            _read_moved(source, content, entries, findings)
            continue
        model = SECTIONS[section][0]
        values, defined = entries.sections[section], entries.defined[section]
        for name, raw in content.items():
            if name in defined:
                _defined_twice(source, section, name, entries, findings)
                continue
            entries.owners[section, name] = (source, name)
            defined.add(name)
            if not KEY_NAME.match(name):
                findings.error("SP111", (section, name), f"{show(name)} is not allowed as a name", hint=NAME_RULE)
            value = read(model, raw, (section, name), findings, noun=SECTIONS[section][1])
            _refuse_nothing(section, raw, (section, name), findings)
            if value is not None:
                values[name] = value


def _refuse_nothing(section: str, raw: Any, path: Path, findings: Findings) -> None:
    """A retention that is left empty must not become the longest one, as ``None`` means for the models."""
    if not isinstance(raw, dict):
        return
    if section == "snapshots" and raw.get("expires", "") is None:
        findings.error(
            "SP106", (*path, "expires"), '"expires" has no value', hint="write a duration, an instant or never"
        )
    if section != "profiles" or not isinstance(raw.get("periods"), dict):
        return
    for name, period in raw["periods"].items():
        if isinstance(period, dict) and period.get("retention", "") is None:
            place = (*path, "periods", name, "retention")
            findings.error("SP106", place, '"retention" has no value', hint="write a duration such as 14d, or forever")


def _defined_twice(source: Source, section: str, name: str, entries: Entries, findings: Findings) -> None:
    first, _ = entries.owners[section, name][0].locate((section, name))
    where, width = source.locate((section, name))
    summary = f'{SECTIONS[section][1]} called "{name}" is defined in two files'
    findings.in_file(source, "SP112", where, summary, hint=f"the other one is at {first}; rename one", width=width)


def _read_moved(source: Source, content: list[Any], entries: Entries, findings: Findings) -> None:
    for local, raw in enumerate(content):
        index = str(len(entries.defined[MOVED]))
        entries.defined[MOVED].add(index)
        entries.owners[MOVED, index] = (source, str(local))
        value = read(Moved, raw, (MOVED, index), findings, noun="an entry of moved")
        if value is not None:
            entries.moved[index] = value


def read(model: type[M], raw: object, path: Path, findings: Findings, *, noun: str = "") -> M | None:
    """Return ``raw`` as ``model``; with errors they are added and what is left of it is returned, if anything is."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        places = report(error, raw, path, findings, model=model, noun=noun)
    pruned = _without(raw, places)
    if pruned is None:
        return None
    try:
        return model.model_validate(pruned)
    except ValidationError:
        return None


def _without(raw: object, places: list[Path]) -> dict[str, Any] | None:
    """Return ``raw`` with broken periods and selectors replaced and unknown keys left out, for the checks that follow.

    ``None`` where an error is elsewhere, as nothing can be said about an entry whose own keys are wrong.
    """
    if not isinstance(raw, dict):
        return None
    pruned = dict(raw)
    broken: dict[str, set[str]] = {}
    for place in places:
        section, *rest = place or ("",)
        kind = {"periods": dict, "targets": list}.get(section)
        if kind is not None and rest and isinstance(raw.get(section), kind):
            broken.setdefault(section, set()).add(rest[0])
        else:
            pruned.pop(section, None)
    if "periods" in broken and "periods" in pruned:
        kept = {name: period for name, period in pruned["periods"].items() if name not in broken["periods"]}
        pruned["periods"] = kept or {"broken": BROKEN_PERIOD}
    if "targets" in broken and "targets" in pruned:
        wrong = {int(index) for index in broken["targets"]}
        pruned["targets"] = [BROKEN_SELECTOR if at in wrong else each for at, each in enumerate(pruned["targets"])]
    return pruned
