"""A platform's schedule as a policy file: what is in it, what is left out, and that it is what the platform has."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from snapplan.imports.text import policy_text
from snapplan.models.platform import PlatformPeriod, PlatformSchedule
from snapplan.models.policy import Defaults
from snapplan.models.target import Scope, Target

from .systems import CLOUD, DAILY, Read, draft, profile, schedule, vm
from .test_periods import periods

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(
    lambda name: not set(name) & set("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)


def test_profiles_and_assignments_of_a_system() -> None:
    gold, system = profile("gold"), profile("System Snapshots", project="p")
    read = Read(draft(schedule(gold, system, a=gold, b=gold, cloud=system), vm("b"), CLOUD, vm("a"), vm("c")))
    assert list(read.profiles) == ["System-Snapshots", "gold"]
    assert read.profiles["System-Snapshots"].platform_name == "System Snapshots"
    assert read.profiles["gold"].platform_name is None
    assert list(read.assignments) == ["System-Snapshots-cloud", "gold-vm"]
    assert read.assignments["gold-vm"].targets[0].names == ("a", "b")
    assert read.selected(CLOUD) == {"System Snapshots"}
    assert read.selected(vm("c")) == set()
    assert "#   snapplan adopt dc1/profile/gold" in read.text
    assert "adopt 'dc1/profile/System" not in read.text


@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, periods(), min_size=1, max_size=3), max_size=4),
    st.dictionaries(NAMES, st.integers(0, 5), max_size=6),
)
def test_what_is_read_from_the_file_is_what_the_platform_has(
    profiles: dict[str, dict[str, PlatformPeriod]], machines: dict[str, int]
) -> None:
    made = [profile(name, periods=theirs) for name, theirs in profiles.items()]
    targets = [vm(name) for name in machines]
    given_to = {name: made[n] for name, n in machines.items() if n < len(made)}
    found = draft(schedule(*made, **given_to), *targets, everything=True)
    read = Read(found)
    assert {name: one.periods for name, one in read.on_the_platform().items()} == profiles
    assert len(read.profiles) == len(profiles)
    for target in targets:
        if any(target.address in text for text in found.missing):
            continue
        assert read.selected(target) == ({given_to[target.name].name} if target.name in given_to else set())


@given(st.randoms())
def test_the_order_of_what_a_driver_lists_changes_nothing(shuffle: random.Random) -> None:
    made = [profile(name) for name in ("a b", "a-b", "gold", "a_b")]
    targets = [vm(name) for name in "stuvw"]
    assigned = {target.name: made[n % 4] for n, target in enumerate(targets)}
    mixed, mixed_targets = made[:], targets[:]
    shuffle.shuffle(mixed)
    shuffle.shuffle(mixed_targets)
    one = policy_text(draft(schedule(*made, **assigned), *targets))
    assert one == policy_text(draft(schedule(*mixed, **dict(reversed(assigned.items()))), *mixed_targets))


def test_what_nothing_uses_is_left_out_unless_everything_is_asked_for() -> None:
    gold, idle = profile("gold"), profile("idle")
    found = schedule(gold, idle, a=gold)
    assert list(Read(draft(found, vm("a"))).profiles) == ["gold"]
    assert list(Read(draft(found, vm("a"), everything=True)).profiles) == ["gold", "idle"]
    assert Read(draft(schedule(gold, gone=gold))).profiles == {}


def test_a_profile_with_a_period_that_cannot_be_said_is_left_out_whole() -> None:
    gold = profile("gold", periods={"Daily": DAILY, "Once": PlatformPeriod("custom", 60)})
    found = draft(schedule(gold, a=gold), vm("a"))
    read = Read(found)
    assert (read.profiles, read.assignments) == ({}, {})
    (sentence,) = found.missing
    assert sentence == (
        "Profile 'gold': period 'Once': it runs once, and the platform's API does not tell when. "
        "It stays on dc1/vm/a, as it is."
    )
    assert found.unmarked == ()


def test_a_profile_without_periods_is_left_out() -> None:
    empty = profile("empty", periods={})
    found = draft(schedule(empty, a=empty), vm("a"))
    assert found.profiles == ()
    assert "it has no periods" in found.missing[0]


def test_what_uses_a_profile_besides_targets_is_remarked() -> None:
    gold = profile("gold", used_by=("volume sync nightly",))
    assert "besides targets it is used by volume sync nightly" in Read(draft(schedule(gold, a=gold), vm("a"))).text


def test_the_mark_of_another_project_is_remarked() -> None:
    gold = profile("gold", project="other")
    found = draft(schedule(gold, a=gold), vm("a"))
    assert found.unmarked == ("dc1/profile/gold",)
    assert "project 'other'" in Read(found).text


def test_targets_that_share_a_name_are_named_only_where_they_share_the_profile() -> None:
    gold = profile("gold")
    twins = (vm("a", "one"), vm("a", "two"))
    both = draft(PlatformSchedule((gold,), {"one": gold.native_id, "two": gold.native_id}), *twins)
    assert both.assignments[0].globs == ("a",)
    assert both.missing[1:] == ()
    one = draft(PlatformSchedule((gold,), {"one": gold.native_id}), *twins)
    assert one.assignments == ()
    assert "'gold' on dc1/vm/a: others have its name too" in one.missing[-1]


def test_one_assignment_per_profile_and_scope() -> None:
    gold = profile("gold")
    volume = Target("dc1", Scope.VOLUME, "nas/shared", "v")
    found = draft(PlatformSchedule((gold,), {"v": gold.native_id, "id-a": gold.native_id}), volume, vm("a"))
    assert [(one.key, one.scope, one.globs) for one in found.assignments] == [
        ("gold-vm", Scope.VM, ("a",)),
        ("gold-volume", Scope.VOLUME, ("nas/shared",)),
    ]


def test_what_the_platform_hides_is_said() -> None:
    blockers = {Scope.CLOUD: "the setting is not there"}
    found = draft(PlatformSchedule((profile("gold"),), {"id-a": "gone"}, None, blockers), vm("a"))
    assert found.missing == (
        "The assignments of cloud targets: the setting is not there",
        "The profile of dc1/vm/a: the platform does not list the one that it names (gone).",
    )


def test_times_are_in_the_zone_of_the_platform() -> None:
    gold = profile("gold")
    found = schedule(gold, a=gold)
    known = draft(found, vm("a"), timezone="Europe/Berlin")
    assert Read(known).profiles["gold"].timezone == "Europe/Berlin"
    assert known.missing == ()
    unknown = draft(found, vm("a"))
    assert Read(unknown).profiles["gold"].timezone is None
    assert "time zone" in unknown.missing[0]
    other = draft(found, vm("a"), defaults=Defaults(timezone="Asia/Tokyo"))
    assert Read(other).profiles["gold"].timezone == "UTC"
    hourly = profile("hourly", periods={"Hourly": PlatformPeriod("hourly", 10_800)})
    assert draft(schedule(hourly, a=hourly), vm("a")).missing == ()


def test_keys_of_other_files_are_left_alone_and_equal_profiles_are_used() -> None:
    gold, silver = profile("gold"), profile("silver")
    found = schedule(gold, silver, a=gold, b=silver)
    known = {"house": profile("gold", description="of the house")}
    made = draft(
        found,
        vm("a"),
        vm("b"),
        known=known,
        profiles=frozenset({"house", "silver"}),
        assignments=frozenset({"house-vm"}),
    )
    assert [one.key for one in made.profiles] == ["silver-2"]
    assert made.profiles[0].fields["platform_name"] == "silver"
    assert [(one.key, one.profile) for one in made.assignments] == [
        ("house-vm-2", "house"),
        ("silver-2-vm", "silver-2"),
    ]


def test_an_equal_profile_of_ours_with_another_description_is_not_equal() -> None:
    gold = profile("gold", project="p", description="old")
    known = {"gold": profile("gold", description="new")}
    made = draft(schedule(gold, a=gold), vm("a"), known=known, profiles=frozenset({"gold"}))
    assert [one.key for one in made.profiles] == ["gold-2"]


def test_assignments_name_the_platform_where_the_backend_says_otherwise() -> None:
    gold = profile("gold")
    read = Read(draft(schedule(gold, a=gold), vm("a"), scheduled_by_us=True))
    assert read.assignments["gold-vm"].schedule == "platform"


def test_a_description_that_no_file_can_hold_is_left_out_and_said() -> None:
    gold = profile("gold", description="bell\x07")
    read = Read(draft(schedule(gold, a=gold), vm("a")))
    assert read.profiles["gold"].description == ""
    assert "its description holds control characters" in read.text


def test_a_profile_that_locks_is_not_assigned_where_nothing_can_be_locked() -> None:
    system = profile("System", periods={"Hourly": PlatformPeriod("hourly", 60, immutable=True)})
    found = draft(schedule(system, cloud=system, a=system), CLOUD, vm("a"))
    assert [one.scope for one in found.assignments] == [Scope.CLOUD]
    assert found.missing == ("'System' on dc1/vm/a: period 'Hourly' is immutable, which no snapshot of a vm can be.",)


def test_tiers_are_named_where_they_mean_something() -> None:
    gold = profile("gold")
    assert "max_tier: 1" in Read(draft(schedule(gold, a=gold), vm("a"))).text
    assert "max_tier" not in Read(draft(schedule(gold, cloud=gold), CLOUD)).text
    cold = profile("cold", periods={"Daily": DAILY._replace(max_tier=4)})
    assert "max_tier: 4" in Read(draft(schedule(cold, cloud=cold), CLOUD)).text
    assert "max_tier: 1" in Read(draft(schedule(gold), everything=True)).text
