from __future__ import annotations

import pytest

from snapplan.models.order import Focus
from snapplan.models.world import Triple
from snapplan.planner.resolve import Resolution, in_focus, matches, resolve

from .lab import lab


@pytest.mark.parametrize(
    ("glob", "text", "expected"),
    [
        ("*", "", True),
        ("*", "tank/home/ann", True),
        ("web-01", "web-01", True),
        ("web-01", "web-010", False),
        ("web-?", "web-1", True),
        ("web-?", "web-10", False),
        ("web-[12]", "web-2", True),
        ("web-[!12]", "web-2", False),
        ("WEB-*", "web-1", False),
        ("tank/*", "tank/home/ann", True),
        ("tank/*", "tank", False),
        ("a.c", "abc", False),
        ("*-canary", "x\n-canary", True),
    ],
)
def test_globs_know_star_question_mark_and_sets_and_mind_case(glob: str, text: str, expected: bool) -> None:
    assert matches(glob, text) is expected


@pytest.mark.parametrize(
    ("focus", "expected"),
    [
        (Focus(), True),
        (Focus(targets=("lab/volume/*",)), True),
        (Focus(targets=("lab/vm/*",)), False),
        (Focus(targets=("lab/vm/*", "lab/volume/a")), True),
        (Focus(backends=("nas",)), False),
        (Focus(targets=("lab/volume/a",), backends=("nas",)), False),
    ],
)
def test_a_focus_wants_one_of_its_targets_and_one_of_its_backends(focus: Focus, expected: bool) -> None:
    assert in_focus("lab/volume/a", focus) is expected


def test_triples_come_by_target_then_profile_in_the_profiles_own_order_of_periods() -> None:
    week = {"frequency": "weekly", "day_of_week": "sun", "retention": "30d"}
    day = {"frequency": "daily", "hour": 2, "retention": "7d"}
    case = lab(
        policy={"weekly": week, "daily": day},
        files={
            "profiles": {"alpha": {"periods": {"daily": day}}},
            "assignments": {"z": {"profile": "alpha", "targets": [{"backend": "lab", "scope": "volume"}]}},
        },
        targets=["lab/volume/b", "lab/volume/a"],
    )
    triples = list(resolve(case.policy, case.world.backends).triples)
    assert triples == [
        Triple("lab", f"volume/{name}", profile, period)
        for name in ("a", "b")
        for profile, period in (("alpha", "daily"), ("gold", "weekly"), ("gold", "daily"))
    ]


def test_the_assignment_that_comes_first_by_name_puts_a_profile_on_a_target() -> None:
    again = {"profile": "gold", "targets": [{"backend": "lab", "scope": "volume"}]}
    case = lab(files={"assignments": {"also": again}})
    [resolved] = resolve(case.policy, case.world.backends).triples.values()
    assert resolved.assignment == "also"


def test_an_overlap_names_both_assignments_the_target_and_the_place() -> None:
    again = {"profile": "gold", "targets": [{"backend": "lab", "scope": "volume"}]}
    case = lab(files={"assignments": {"also": again}})
    [finding] = resolve(case.policy, case.world.backends).diagnostics
    assert finding.summary == "lab/volume/a gets profile 'gold' from two assignments, 'also' and 'everything'"
    assert str(finding.where) == "p.yaml:8:3"


def test_an_empty_selection_names_the_nearest_targets() -> None:
    selector = {"backend": "lab", "scope": "volume", "names": ["hoem"]}
    case = lab(assignment={"targets": [selector]}, targets=["lab/volume/home", "lab/volume/zebra"])
    [finding] = resolve(case.policy, case.world.backends).diagnostics
    assert finding.code == "SP401"
    assert finding.hint == "the nearest names are home"


def test_an_empty_selection_with_nothing_near_says_how_many_there_are() -> None:
    selector = {"backend": "lab", "scope": "volume", "tags": ["production"]}
    case = lab(assignment={"targets": [selector]}, targets=["lab/volume/home", "lab/vm/web"])
    [finding] = resolve(case.policy, case.world.backends).diagnostics
    assert finding.summary == "assignment 'everything' selects no volume target"
    assert finding.hint == "1 targets have this scope"


def test_names_without_globs_and_with_them_select_the_same() -> None:
    targets = ["lab/volume/a", "lab/volume/b", "lab/volume/c"]
    plain = lab(
        assignment={"targets": [{"backend": "lab", "scope": "volume", "names": ["c", "a", "none"]}]}, targets=targets
    )
    globs = lab(
        assignment={"targets": [{"backend": "lab", "scope": "volume", "names": ["[ac]"]}]},
        targets=list(reversed(targets)),
    )
    found = [[triple.target_id for triple in resolve(one.policy, one.world.backends).triples] for one in (plain, globs)]
    assert found == [["volume/a", "volume/c"], ["volume/a", "volume/c"]]


def test_quiesce_commands_for_no_target_are_a_warning_with_the_nearest() -> None:
    commands = {"freeze": ["true"], "thaw": ["true"]}
    backends = {"lab": {"driver": "memory", "quiesce_commands": {"volume/hoem": commands, "volume/a": commands}}}
    case = lab(config={"backends": backends}, targets=["lab/volume/a", "lab/volume/homestead"])
    [finding] = resolve(case.policy, case.world.backends).diagnostics
    assert (finding.code, finding.hint) == ("SP403", "the nearest are volume/homestead, volume/a")


def test_an_assignment_of_a_profile_that_is_not_there_makes_nothing() -> None:
    case = lab()
    policy = case.policy._replace(profiles={})
    assert resolve(policy, case.world.backends) == Resolution({}, [])


@pytest.mark.parametrize("name", ["a", "a*"])
def test_a_name_given_for_the_cloud_scope_selects_no_cloud(name: str) -> None:
    selector = {"backend": "lab", "scope": "cloud", "names": [name]}
    case = lab(assignment={"targets": [selector]}, targets=["lab/cloud"])
    assert not resolve(case.policy, case.world.backends).triples
