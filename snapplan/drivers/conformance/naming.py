"""Names at the limits, and who may have one."""

from __future__ import annotations

import string
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.conformance.lab import refused, require
from snapplan.errors import NameTakenError, RefusedError

if TYPE_CHECKING:
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.request import Outcome

_SLOT = datetime(2026, 11, 22, 2, tzinfo=UTC)
OTHERS: dict[str, dict[str, Any]] = {
    "another period": {"profile": "gold", "period": "hourly", "slot": _SLOT, "key": None},
    "another key": {"key": "another"},
    "another project": {"project": "elsewhere"},
}


class NameTests:
    """Exclusive creation under exact names."""

    def test_a_name_of_the_greatest_length_is_kept(self, lab: Lab) -> None:
        name = "n" * lab.capabilities.max_name_length
        assert lab.take(lab.path(), name).name == name

    def test_names_that_differ_in_their_last_character_are_two(self, lab: Lab) -> None:
        stem = "n" * (lab.capabilities.max_name_length - 1)
        for number, last in enumerate("ab"):
            assert lab.create(lab.request(lab.path(), stem + last, key=f"k{number}"))[0].error is None
        assert sorted(each.name for each in lab.snapshots()) == [stem + "a", stem + "b"]

    def test_a_name_beyond_the_greatest_length_is_refused(self, lab: Lab) -> None:
        name = "n" * (lab.capabilities.max_name_length + 1)
        refused(lab.create(lab.request(lab.path(), name))[0], RefusedError)
        assert lab.snapshots() == []

    def test_letters_digits_and_the_signs_of_default_names_are_allowed(self, lab: Lab) -> None:
        assert not set(string.ascii_letters + string.digits + "._-") & set(lab.capabilities.reserved_in_names)

    def test_signs_that_are_not_reserved_are_kept(self, lab: Lab) -> None:
        allowed = [each for each in string.punctuation + " " if each not in lab.capabilities.reserved_in_names]
        names = [f"a{each}b" for each in allowed]
        first = lab.request(lab.path())
        outcomes = lab.create(*(first._replace(name=each, mark=first.mark._replace(key=each)) for each in names))
        assert [each.error for each in outcomes] == [None] * len(names)
        assert sorted(each.name for each in lab.snapshots()) == sorted(names)

    def test_reserved_signs_are_refused(self, lab: Lab) -> None:
        for sign in lab.capabilities.reserved_in_names:
            refused(lab.create(lab.request(lab.path(), f"a{sign}b"))[0], RefusedError)
        assert lab.snapshots() == []

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a\0b"])
    def test_a_name_that_leads_elsewhere_is_refused_or_only_a_name(self, lab: Lab, name: str) -> None:
        before = lab.harness.read(lab.path())
        (outcome,) = lab.create(lab.request(lab.path(), name, key="k"))
        if outcome.error is None:
            assert [each.name for each in lab.snapshots()] == [name]
        else:
            refused(outcome, RefusedError)
            assert lab.snapshots() == []
        assert lab.harness.read(lab.path()) == before

    def test_two_targets_may_have_snapshots_of_one_name(self, lab: Lab) -> None:
        paths = [each.path for each in lab.targets]
        require(len(paths) > 1, "the world has one target only")
        outcomes = lab.create(*(lab.request(each) for each in paths))
        assert [each.error for each in outcomes] == [None] * len(paths)
        assert all(lab.listed(each).target_id == lab.target(each).id for each in paths)

    def test_to_take_the_same_again_is_done_already(self, lab: Lab) -> None:
        first = lab.take(lab.path())
        lab.spoil(lab.path())
        again = lab.request(lab.path(), run="run-2", taken_at=lab.later(minutes=1), expires_at=lab.later(days=1))
        (outcome,) = lab.create(again)
        assert outcome.error is None
        assert outcome.existed
        assert outcome.snapshot == first
        assert lab.snapshots() == [first]

    @pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS.keys())
    def test_a_name_that_another_snapshot_has_is_taken(self, lab: Lab, fields: dict[str, Any]) -> None:
        first = lab.take(lab.path(), **fields)
        refused(lab.create(lab.request(lab.path()))[0], NameTakenError)
        assert lab.snapshots() == [first]

    def test_a_name_that_a_foreign_snapshot_has_is_taken(self, lab: Lab) -> None:
        lab.harness.add_foreign_snapshot(lab.path(), "one")
        before = lab.snapshots()
        assert [each.mark for each in before] == [None]
        refused(lab.create(lab.request(lab.path()))[0], NameTakenError)
        assert lab.snapshots() == before

    def test_connections_that_race_for_one_snapshot_make_one(self, lab: Lab) -> None:
        request = lab.request(lab.path())

        def race(_: int) -> Outcome:
            driver = lab.harness.open()
            try:
                return next(iter(driver.create([request])))
            finally:
                driver.close()

        with ThreadPoolExecutor(4) as threads:
            outcomes = list(threads.map(race, range(4)))
        assert any(each.error is None for each in outcomes)
        assert sum(each.error is None and not each.existed for each in outcomes) <= 1
        assert lab.listed(lab.path()).completed_at is not None
