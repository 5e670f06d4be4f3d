"""Naming templates end, reach nothing outside and make unique names."""

from __future__ import annotations

import pytest

from snapplan.config.naming import DEFAULT_TEMPLATE, missing_variables, template_problem

FINE = [
    DEFAULT_TEMPLATE,
    "{{profile}}-{{period}}-{{slot}}",
    "{{ project ~ '.' ~ profile }}_{{ period|lower }}_{{ slot }}",
    "{{ target | replace('/', '-') }}.{{ profile }}.{{ period }}.{{ slot }}",
    "auto {{ backend }} {{ scope }} {{ profile | upper | trim }} {{ period }} {{ slot }}",
]
REFUSED = [
    "{% for x in range(10 ** 9) %}{{ slot }}{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% set x = slot %}{{ x }}",
    "{{ profile.__class__.__mro__ }}",
    "{{ profile['__class__'] }}",
    "{{ ''.join(profile) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum() }}",
    "{{ range(999999999) }}",
    "{{ 'x' * 999999999 }}",
    "{{ slot if profile else period }}",
    "{{ profile | center(99999999) }}",
    "{{ profile | replace('', 'xxxxxxxxxx') }}",
    "{{ profile | replace('a', 'aa') }}",
    "{{ profile | replace('a', '/') }}",
    "{{ profile | replace('a') }}",
    "{{ profile | replace('a', slot) }}",
    "{{ profile | replace(old='a', new='b') }}",
    "{{ profile | replace(*slot) }}",
    "{{ profile | replace(1, 2) }}",
    "{{ profile | lower(1) }}",
    "{{ 12 }}",
    "{{ key }}",
    "{{ environ }}",
    "{{ profile }}/{{ slot }}",
    "..{{ slot }}",
    "{{ profile ~ '/' ~ slot }}",
    "{{ slot }}\\",
    "{{ slot }}\n{{ profile }}",
    "{{ '\\x00' }}",
    "{{ slot",
    "{{ }}",
    "{{ " + "(" * 250 + "slot" + ")" * 250 + " }}",
]


@pytest.mark.parametrize("template", FINE)
def test_takes(template: str) -> None:
    assert template_problem(template) is None
    assert missing_variables(template) == []


@pytest.mark.parametrize("template", REFUSED)
def test_refuses(template: str) -> None:
    problem = template_problem(template)
    assert problem is not None
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("template", "missing"),
    [
        ("{{ slot }}", ["profile", "period"]),
        ("snapshot", ["profile", "period", "slot"]),
        ("{{ profile }}.{{ period }}", ["slot"]),
    ],
)
def test_says_what_names_need_to_be_unique(template: str, missing: list[str]) -> None:
    assert missing_variables(template) == missing


def test_what_is_taken_can_be_rendered() -> None:
    from datetime import UTC, datetime

    from snapplan.models.target import Scope, Target
    from snapplan.planner.names import scheduled_name

    target = Target("dc1", Scope.VOLUME, "tank/home", "1")
    slot = datetime(2026, 11, 22, 2, tzinfo=UTC)
    names = [scheduled_name(template, target, "project", "gold", "daily", slot) for template in FINE]
    assert names == [
        "gold.daily.20261122T0200Z",
        "gold-daily-20261122T0200Z",
        "project.gold_daily_20261122T0200Z",
        "tank-home.gold.daily.20261122T0200Z",
        "auto dc1 volume GOLD daily 20261122T0200Z",
    ]
