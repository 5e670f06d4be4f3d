from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from snapplan.models.target import Capabilities, Scope, Target
from snapplan.planner.names import DEFAULT_TEMPLATE, fitting, manual_name, scheduled_name

SLOT = datetime(2026, 11, 22, 2, tzinfo=UTC)
TARGET = Target("nas", Scope.VOLUME, "tank/home", "guid-1")


def able(length: int = 255, reserved: str = "/@") -> Capabilities:
    return Capabilities(frozenset(Scope), max_name_length=length, reserved_in_names=reserved)


def named(template: str) -> str:
    return scheduled_name(template, TARGET, "prod", "gold", "daily", SLOT)


def test_the_default_name_is_profile_period_and_slot() -> None:
    assert named(DEFAULT_TEMPLATE) == "gold.daily.20261122T0200Z"


def test_the_slot_is_written_in_utc_whatever_zone_it_came_in() -> None:
    tokyo = SLOT.astimezone(timezone(timedelta(hours=9)))
    assert scheduled_name(DEFAULT_TEMPLATE, TARGET, "prod", "gold", "daily", tokyo) == named(DEFAULT_TEMPLATE)


def test_a_template_may_use_all_seven_fields() -> None:
    template = "{{ project }}_{{ backend }}_{{ scope }}_{{ target }}_{{ profile }}_{{ period }}_{{ slot }}"
    assert named(template) == "prod_nas_volume_tank/home_gold_daily_20261122T0200Z"


def test_a_template_may_use_jinja_filters() -> None:
    assert named("{{ profile | upper }}-{{ slot | lower }}") == "GOLD-20261122t0200z"


def test_a_template_cannot_reach_inside_python() -> None:
    from jinja2.exceptions import SecurityError

    with pytest.raises(SecurityError):
        named("{{ profile.__class__.__mro__ }}")


def test_a_field_that_does_not_exist_is_an_error_not_an_empty_name() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        named("{{ hostname }}-{{ slot }}")


def test_a_manual_name_holds_the_key() -> None:
    assert manual_name("before-26.2") == "manual.before-26.2"


def test_a_name_that_fits_stays_as_it_is() -> None:
    assert fitting("gold.daily", "identity", able()) == "gold.daily"


def test_a_name_of_exactly_the_longest_length_stays() -> None:
    assert fitting("x" * 20, "identity", able(20)) == "x" * 20
    assert fitting("x" * 21, "identity", able(20)) != "x" * 20


def test_a_long_name_is_cut_and_told_apart_by_its_identity() -> None:
    one, other = (fitting("x" * 100, identity, able(30)) for identity in ("one", "other"))
    assert one != other
    assert one[:21] == other[:21] == "x" * 21
    assert len(one) == len(other) == 30


def test_length_is_counted_in_utf_8_bytes_and_no_character_is_cut_in_two() -> None:
    name = fitting("ü" * 20, "identity", able(20))
    assert len(name.encode()) <= 20
    assert name.rpartition("-")[0] == "ü" * 5


def test_what_is_reserved_or_unprintable_becomes_a_dash() -> None:
    assert fitting("a/b@c\n", "identity", able()).startswith("a-b-c--")


def test_two_names_that_differ_in_reserved_characters_only_stay_apart() -> None:
    assert fitting("a/b", "one", able()) != fitting("a@b", "two", able())


def test_an_empty_name_becomes_a_hash() -> None:
    assert len(fitting("", "identity", able())) == 9


def test_a_taken_name_is_avoided_and_so_is_its_first_replacement() -> None:
    first = fitting("a", "identity", able(), {"a"})
    second = fitting("a", "identity", able(), {"a", first})
    assert len({"a", first, second}) == 3


def test_the_same_identity_gets_the_same_name_every_time() -> None:
    assert fitting("x" * 100, "one", able(30)) == fitting("x" * 100, "one", able(30))
