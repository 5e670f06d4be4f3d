"""The text of an imported file: readable, the same each time, and never steered by a name."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from snapplan.config.yaml import load
from snapplan.imports.draft import Draft
from snapplan.imports.text import policy_text, scalar
from snapplan.models.platform import PlatformPeriod

from .systems import CLOUD, Read, draft, profile, schedule, vm

HOSTILE = [
    "x\nassignments: {evil: {profile: gold}}",
    "# not a comment",
    "- item",
    "{flow: [",
    "key: value",
    "'quoted'",
    '"quoted"',
    "\\n",
    "*alias",
    "&anchor",
    "!tag",
    "%directive",
    "---",
    "true",
    "NO",
    "2026-11-22",
    "12:30",
    "0x1F",
    "1_000",
    "1e3",
    ".5",
    "~",
    " leading",
    "trailing ",
    "two  spaces",
    "\u202eright to left",
    "\u00a0",
    "tab\there",
    "日本語",
    "🙂",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_scalar_is_read_as_the_text_that_it_was(text: str) -> None:
    assert yaml.safe_load(f"[{scalar(text)}]") == [text]
    assert yaml.safe_load(f"{scalar(text)}: 1") == {text: 1}


@given(st.text(st.characters(exclude_categories=("Cs",))))
@example("a\u0085b")
@example("\x00")
@example("\ufffe")
@example("no")
@example("7d")
def test_every_text_survives(text: str) -> None:
    assert yaml.safe_load(f"{{a: {scalar(text)}}}") == {"a": text}


@pytest.mark.parametrize("text", ["gold", "web-01", "System Snapshots", "nas/shared", "24h", "1d12h", "_x"])
def test_what_is_plain_stays_plain(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_no_syntax(name: str) -> None:
    gold = profile(name, description=name, used_by=(name,), periods={name: PlatformPeriod("daily", 60)})
    found = draft(schedule(gold, **{name: gold}, cloud=gold), vm(name), CLOUD)
    text = policy_text(found)
    document = load(text.encode())
    assert document.problems == []
    assert set(document.data or {}) <= {"profiles", "assignments"}
    if found.profiles:
        assert Read(found).on_the_platform()[name].periods == gold.periods


def test_a_whole_file_as_a_person_sees_it() -> None:
    system = profile(
        "System Snapshots",
        periods={
            "Midnight": PlatformPeriod("daily", 3 * 86_400, max_tier=1),
            "Hourly": PlatformPeriod("hourly", 10_800, immutable=True),
        },
    )
    gold = profile("gold", project="p", description="Hourly for a day")
    many = {f"web-{number:02}": gold for number in range(1, 16)}
    once = profile("once", periods={"Once": PlatformPeriod("custom", 60)})
    found = draft(
        schedule(system, gold, once, cloud=system, db=once, **many),
        CLOUD,
        vm("db"),
        *(vm(name) for name in many),
        timezone="Europe/Berlin",
    )
    names = "".join(f"          - {name}\n" for name in many)
    assert policy_text(found) == (
        """\
# Written by snapplan import --backend dc1: what the platform's own scheduler is set to.
# Profiles without this project's mark are compared with the policy. Before snapplan may change them:
#   snapplan adopt 'dc1/profile/System Snapshots'
profiles:
  System-Snapshots:
    platform_name: System Snapshots
    timezone: Europe/Berlin
    periods:
      Hourly: {frequency: hourly, retention: 3h, immutable: true}
      Midnight: {frequency: daily, retention: 3d}
  gold:
    description: Hourly for a day
    timezone: Europe/Berlin
    periods:
      Daily: {frequency: daily, hour: 2, retention: 7d, max_tier: 1}
assignments:
  System-Snapshots-cloud:
    profile: System-Snapshots
    targets:
      - {backend: dc1, scope: cloud}
  gold-vm:
    profile: gold
    targets:
      - backend: dc1
        scope: vm
        names:
"""
        f"{names}"
        """\
# What this file does not say:
#  - Profile 'once': period 'Once': it runs once, and the platform's API does not tell when. It stays on dc1/vm/db, as
#    it is.
"""
    )


def test_nothing_to_say_is_a_file_that_says_so() -> None:
    text = policy_text(Draft("dc1", "snapplan import --backend dc1"))
    assert text.startswith("# Written by snapplan import")
    assert load(text.encode()).problems == []
