"""Checks of ``snapplan.yaml``: time zones, the catalog's address, who runs the schedule, names, commands."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from snapplan.config.checked import is_literal
from snapplan.config.config_file import BROKEN_BACKEND, CONFIG
from snapplan.config.explain import closest, show, suggest
from snapplan.config.source import MAX_FINDINGS
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.config.checked import Checked, Known
    from snapplan.config.source import Findings
    from snapplan.config.yaml import Path
    from snapplan.models.policy import ConfigFile

_CATALOG = re.compile(r"memory:|sqlite:///[^\s].*|postgres(?:ql)?://[^\s]+")


def check_config(checked: Checked) -> None:
    """Check the configuration, as far as it could be read."""
    config, findings = checked.config, checked.findings
    if config is None:
        return
    _check_catalog(config, findings)
    _check_naming(config, findings)
    check_timezone(config.defaults.timezone, (CONFIG, "defaults", "timezone"), findings)
    if config.defaults.grace is not None and not config.defaults.skip_missed:
        detail = "A late slot is taken however late it is."
        hint = "add skip_missed: true, or remove grace"
        summary = '"grace" has no effect without "skip_missed"'
        if "skip_missed" not in config.defaults.model_fields_set and _some_period_skips(checked):
            return
        findings.warning("SP224", (CONFIG, "defaults", "grace"), summary, detail=detail, hint=hint)
    for name, backend in config.backends.items():
        path = (CONFIG, "backends", name)
        if backend is not BROKEN_BACKEND:
            check_timezone(backend.timezone, (*path, "timezone"), findings)
        if name in checked.known:
            _check_backend(checked.known[name], path, findings)
    _check_one_system_twice(checked)


def _check_one_system_twice(checked: Checked) -> None:
    """Two backends that are one system would take everything twice, and undo each other's assignments at every apply."""
    first_of: dict[tuple[str, str], str] = {}
    for name, known in checked.known.items():
        host = known.backend.options.get("host")
        if not isinstance(host, str):
            continue
        first = first_of.setdefault((known.backend.driver, host.lower()), name)
        if first != name and known.capabilities.native_schedule:
            summary = f'backends "{first}" and "{name}" are the same system, {host}'
            hint = f"remove one of them; its targets are {first}/..."
            checked.findings.error("SP233", (CONFIG, "backends", name, "host"), summary, value=True, hint=hint)


def _some_period_skips(checked: Checked) -> bool:
    profiles = checked.entries.sections["profiles"].values()
    return any(period.skip_missed for profile in profiles for period in profile.periods.values())


def _check_catalog(config: ConfigFile, findings: Findings) -> None:
    if config.catalog is not None and not _CATALOG.fullmatch(config.catalog):
        hint = "write sqlite:///FILE (relative, or /FILE absolute), postgresql://HOST/DATABASE or memory:"
        findings.error("SP230", (CONFIG, "catalog"), '"catalog" is not the address of a catalog', value=True, hint=hint)


def _check_naming(config: ConfigFile, findings: Findings) -> None:
    from snapplan.config.naming import missing_variables, template_problem

    template = config.naming.template
    path = (CONFIG, "naming", "template")
    if problem := template_problem(template):
        findings.error("SP222", path, problem, value=True, hint="use {{ profile }}.{{ period }}.{{ slot }} as a start")
    elif missing := missing_variables(template):
        detail = "Two snapshots would be given the same name."
        summary = f"the template must use {', '.join(missing)}"
        findings.error("SP223", path, summary, value=True, detail=detail)


def _check_backend(known: Known, path: Path, findings: Findings) -> None:
    if known.backend.schedule == "platform" and not known.capabilities.native_schedule:
        findings.error(
            "SP214",
            (*path, "schedule"),
            f"driver {known.backend.driver} has no scheduler of its own",
            value=True,
            hint="write schedule: snapplan, and run snapplan apply from a timer",
        )
    nested = known.driver.nested(known.backend.options) if known.driver.nested is not None else ()
    for outer, inner in islice(nested, MAX_FINDINGS):
        scope, _, name = inner.partition("/")
        findings.note(
            "SP234",
            (*path, f"{scope}s", name),
            f"target {inner} lies inside {outer}",
            detail=f"A snapshot of {outer} holds {inner} too. A restore of {outer} in place leaves {inner} as it is.",
        )
    for glob in known.backend.quiesce_commands:
        scope = glob.partition("/")[0]
        if is_literal(scope) and scope not in known.capabilities.scopes:
            scopes = sorted(known.capabilities.scopes)
            meaning = suggest(scope, scopes)
            summary = f"{show(glob)} matches nothing: it is a glob over SCOPE/NAME"
            findings.error("SP213", (*path, "quiesce_commands", glob), summary, hint=meaning)
        elif is_literal(scope) and scope != Scope.CLOUD and "/" not in glob:
            summary = f"{show(glob)} matches nothing: it is a glob over SCOPE/NAME"
            findings.error("SP213", (*path, "quiesce_commands", glob), summary, hint=f'write "{scope}/*"')


def check_timezone(timezone: str | None, path: Path, findings: Findings) -> bool:
    """Say whether ``timezone`` can be counted with; an unknown one is added to ``findings``."""
    if timezone is None:
        return True
    from snapplan.planner.slots import known_timezone

    if known_timezone(timezone):
        return True
    findings.error("SP204", path, f"there is no time zone {show(timezone)}", value=True, hint=_zone_hint(timezone))
    return False


def _zone_hint(timezone: str) -> str:
    if timezone.isupper() and "/" not in timezone:
        return "an abbreviation names no zone; write an IANA name such as Europe/Zurich"
    by_name, by_city = _zones()
    if near := closest(timezone, by_name):
        return f'did you mean "{by_name[near]}"?'
    if near := closest(timezone.rpartition("/")[2].replace(" ", "_"), by_city):
        return f'did you mean "{by_city[near]}"?'
    return "write an IANA name such as Europe/Zurich"


@cache
def _zones() -> tuple[dict[str, str], dict[str, str]]:
    """Return all time zones by their name and by their city, in lower case; finding them takes some milliseconds."""
    from zoneinfo import available_timezones

    zones = sorted(available_timezones())
    return {zone.lower(): zone for zone in zones}, {zone.rpartition("/")[2].lower(): zone for zone in zones}
