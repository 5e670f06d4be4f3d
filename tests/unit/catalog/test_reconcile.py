from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapplan.catalog.base import KnownSnapshot, Observation
from snapplan.catalog.reconcile import later, reconcile, satisfied_slots
from snapplan.catalog.rows import snapshot_row, target_of, target_row, trait_of, trait_row
from snapplan.errors import BackendError
from snapplan.models.request import Inventory, StartedRestore
from snapplan.models.snapshot import Condition, Pin
from snapplan.models.target import Capabilities, Scope, Target
from snapplan.models.world import Drift

from .samples import DAILY, HOURLY, NOW, PROJECT, foreign, mark, observation, snapshot, target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.catalog.base import Catalog
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import BackendState

DAY = timedelta(days=1)
ANYTHING = Capabilities(frozenset(Scope))


def seen(*shots: Snapshot, at: datetime = NOW - DAY) -> dict[str, KnownSnapshot]:
    """What the catalog knows after a refresh that listed ``shots``."""
    return {s.native_id: KnownSnapshot(s, s.mark.expires_at if s.mark else None, at) for s in shots}


def run(
    listed: Sequence[Snapshot],
    known: dict[str, KnownSnapshot],
    targets: Sequence[Target] = (),
    known_targets: Sequence[Target] = (),
    **options: Any,
) -> tuple[BackendState, Observation]:
    inventory = Inventory(tuple(targets), list(listed), restores=options.pop("restores", ()))
    defaults: dict[str, Any] = {"project": PROJECT, "live_runs": frozenset(), "listing_started_at": NOW}
    return reconcile("dc1", ANYTHING, inventory, known, known_targets, **{**defaults, **options})


def test_nothing_new_is_nothing_to_record() -> None:
    listed = [snapshot("s1"), snapshot("s2", mark=mark(expires_at=None)), foreign()]
    restores = (StartedRestore("CHG-1", "1-a", "id-a", NOW, done=True),)
    state, found = run(listed, seen(*listed), [target()], [target()], restores=restores, live_runs=frozenset({"9-x"}))
    assert found == observation()
    assert (state.name, state.capabilities, state.error) == ("dc1", ANYTHING, None)
    assert (list(state.snapshots), list(state.targets), list(state.drift)) == (listed, [target()], [])
    assert (state.restores, state.live_runs) == (restores, {"9-x"})


def test_the_known_object_stands_for_an_equal_one() -> None:
    known = seen(snapshot())
    state, _ = run([snapshot()], known)
    assert state.snapshots[0] is known["s1"].snapshot


def test_on_the_first_sight_all_is_new_and_nothing_is_drift() -> None:
    listed = [snapshot("s1"), foreign()]
    state, found = run(listed, {}, [target()])
    assert found == observation(changed=listed, targets=[target()])
    assert (list(state.snapshots), list(state.drift)) == (listed, [])


def test_what_changed_is_recorded_without_drift() -> None:
    pinned = snapshot(in_use="clone")
    state, found = run([pinned], seen(snapshot()))
    assert found == observation(changed=[pinned])
    assert (list(state.snapshots), list(state.drift)) == ([pinned], [])


def test_what_vanished_is_drift_where_it_was_ours() -> None:
    other_project = snapshot("p1", mark=mark(project="lab"))
    state, found = run([], seen(snapshot(), foreign(), other_project))
    assert found == observation(gone=[foreign(), other_project, snapshot()])
    assert state.drift == [Drift("vanished", snapshot().address, "was removed outside snapplan", NOW)]


def test_what_was_written_after_the_listing_began_has_not_vanished() -> None:
    state, found = run([], seen(snapshot(), at=NOW + timedelta(seconds=1)))
    assert (found, state.drift) == (observation(), [])
    _, found = run([], seen(snapshot(), at=NOW))
    assert found.gone == [snapshot()]
    _, found = run([], seen(snapshot(), at=NOW + 2 * DAY))
    assert found.gone == [snapshot()], "that was written under a wrong clock"


@pytest.mark.parametrize(
    ("decided", "listed", "counts"),
    [
        (NOW + DAY, NOW, NOW + DAY),
        (NOW, NOW + DAY, NOW + DAY),
        (None, NOW, None),
        (NOW, None, None),
    ],
)
@pytest.mark.parametrize("same_listing", [True, False])
def test_the_later_expiration_counts_and_a_difference_is_drift(
    decided: datetime | None, listed: datetime | None, counts: datetime | None, same_listing: bool
) -> None:
    shot = snapshot(mark=mark(expires_at=listed))
    before = shot if same_listing else shot._replace(size=1)
    state, found = run([shot], {"s1": KnownSnapshot(before, decided, NOW - DAY)})
    assert [s.mark.expires_at for s in state.snapshots if s.mark] == [counts]
    assert [(d.kind, d.subject) for d in state.drift] == [("expiration", shot.address)]
    assert found.changed == ([] if same_listing and found.changed == [] else [shot]), "as listed, not as merged"


def test_the_expiration_drift_says_both() -> None:
    state, _ = run([snapshot(mark=mark(expires_at=NOW))], {"s1": KnownSnapshot(snapshot(), None, NOW - DAY)})
    text = "expires at 2026-11-22T02:15:00Z on the backend and never in the catalog; the later counts"
    assert state.drift[0].text == text


def test_the_expiration_of_another_projects_snapshot_is_its_own() -> None:
    theirs = snapshot(mark=mark(project="lab"))
    state, _ = run([theirs], {"s1": KnownSnapshot(theirs, None, NOW - DAY)})
    assert (list(state.snapshots), state.drift) == ([theirs], [])


def test_a_later_expiration_on_the_backend_is_drift_until_it_is_recorded(catalog: Catalog) -> None:
    catalog.observe(observation(NOW - DAY, changed=[snapshot()]))
    longer = snapshot(mark=mark(expires_at=NOW + 400 * DAY))
    first, found = run([longer], dict(catalog.known("dc1")))
    catalog.observe(found)
    second, _ = run([longer], dict(catalog.known("dc1")), listing_started_at=NOW + DAY)
    assert [len(first.drift), len(second.drift)] == [1, 0]
    assert first.snapshots == second.snapshots == [longer]


def test_a_shorter_expiration_on_the_backend_stays_drift(catalog: Catalog) -> None:
    catalog.observe(observation(NOW - DAY, changed=[snapshot()]))
    shorter = snapshot(mark=mark(expires_at=NOW))
    for at in (NOW, NOW + DAY):
        state, found = run([shorter], dict(catalog.known("dc1")), listing_started_at=at)
        catalog.observe(found)
        assert [s.mark.expires_at for s in state.snapshots if s.mark] == [NOW + 14 * DAY]
        assert [d.kind for d in state.drift] == ["expiration"]


@pytest.mark.parametrize("now_marked", [None, mark(project="lab")])
def test_a_snapshot_that_lost_our_mark_is_foreign_and_drift(now_marked: Any) -> None:
    bare = snapshot(mark=now_marked)
    state, found = run([bare], seen(snapshot()))
    assert list(state.snapshots) == [bare]
    assert [(d.kind, d.text) for d in state.drift] == [
        ("unmarked", "lost its mark and reads as foreign: snapplan keeps off it")
    ]
    assert found.changed == ([] if now_marked is None else [bare]), (
        "what nobody has stays known as ours, and is said again"
    )


def test_a_snapshot_whose_period_is_gone_from_the_platform_has_lost_no_mark() -> None:
    state, _ = run([snapshot(mark=None)], seen(snapshot(managed=True)))
    [drift] = state.drift
    assert drift.text.startswith("reads as foreign: the period that took it is gone")


def test_ours_that_the_catalog_did_not_know_appeared() -> None:
    new = snapshot("s2", mark=mark(run="3-dead"))
    state, found = run([snapshot(), new], seen(snapshot()))
    assert found.changed == [new]
    text = "is there, taken by run 3-dead, and this catalog did not know it"
    assert state.drift == [Drift("appeared", new.address, text, NOW)]
    going_on, _ = run([snapshot(), new], seen(snapshot()), live_runs=frozenset({"3-dead"}))
    half_made, _ = run([snapshot(), new._replace(completed_at=None)], seen(snapshot()))
    not_ours, _ = run([snapshot(), foreign(), snapshot("p", mark=mark(project="lab"))], seen(snapshot()))
    managed, _ = run([snapshot(), new._replace(managed=True)], seen(snapshot()))
    assert [list(s.drift) for s in (going_on, half_made, not_ours, managed)] == [[], [], [], []]


def test_a_target_id_that_is_listed_twice_is_not_trusted() -> None:
    with pytest.raises(BackendError, match="gives the target id 'id-b' twice"):
        run([], {}, [target("id-a"), target("id-b"), target("id-b", "c")])


def test_the_first_of_two_snapshots_with_one_id_has_it() -> None:
    state, _ = run([snapshot("s0"), snapshot("s1"), snapshot("s1", name="x")], {})
    first, second = state.snapshots[1:]
    assert first == snapshot("s1")
    assert (second.name, second.mark, second.condition) == ("x", None, Condition.DAMAGED)
    assert second.native_id != first.native_id
    assert any(second.address in notice for notice in state.notices)


HUGE = 10**30
ANY_MARK: Any = mark()
ANY_ROW: Any = snapshot()
ODD: dict[str, dict[str, Any]] = {
    "a huge size": {"size": HUGE},
    "a negative size": {"size": -1},
    "a size that is true": {"size": True},
    "a text for a flag": {"quiesced": "maybe"},
    "no list": {"contains": 5},
    "a list of numbers": {"contains": (1,)},
    "a local time": {"completed_at": NOW.replace(tzinfo=None)},
    "the year 1": {"locked_until": datetime(1, 1, 1, tzinfo=UTC)},
    "the year 9999": {"locked_until": datetime(9999, 12, 31, tzinfo=UTC)},
    "no Unicode": {"in_use": "odd\udce9"},
    "another backend": {"backend": "dc2"},
    "no mark": {"mark": {"project": "p"}},
    "a number for a profile": {"mark": ANY_MARK._replace(profile=7)},
    "an object for a key": {"mark": ANY_MARK._replace(key={"a": 1})},
    "a list for a set": {"mark": ANY_MARK._replace(set=[1])},
    "a huge minimum": {"mark": mark()._replace(minimum=HUGE)},
    "a pin of no Unicode": {"mark": mark()._replace(pin=Pin("odd\udce9", "audit"))},
    "a pin that is a text": {"mark": ANY_MARK._replace(pin="me")},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD.keys())
def test_an_odd_row_of_any_driver_is_damaged_and_breaks_nothing(fields: dict[str, Any]) -> None:
    odd = snapshot("s9", name="odd")._replace(**fields)
    for known in ({}, seen(snapshot("s9", name="odd"))):
        state, found = run([snapshot("s1"), odd, snapshot("s2", name="n2")], known)
        assert [one.native_id for one in state.snapshots] == ["s1", "s9", "s2"]
        assert state.snapshots[1].condition is Condition.DAMAGED
        assert state.snapshots[1].mark is None
        assert any("odd" in notice for notice in state.notices)
        for changed in found.changed:
            assert target_of(target_row(target())) == target()
            assert trait_of(trait_row(changed))
            assert all(not isinstance(value, int) or value < 1 << 63 for value in snapshot_row(changed))


@pytest.mark.parametrize(
    "row",
    [
        snapshot()._replace(native_id=[]),
        snapshot()._replace(taken_at=None),
        snapshot()._replace(name=3),
        None,
        {},
        "text",
    ],
)
def test_a_row_that_cannot_be_named_is_left_out_and_said(row: Any) -> None:
    state, _ = run([snapshot("s1"), row], {})
    assert [one.native_id for one in state.snapshots] == ["s1"]
    assert len(state.notices) == 1


def test_a_renamed_target_is_the_same_and_drift() -> None:
    state, found = run([], {}, [target(name="new")], [target()])
    assert (found.targets, found.targets_gone) == ([target(name="new")], [])
    assert state.drift == [Drift("renamed", "dc1/volume/new", "was dc1/volume/a; it is the same target", NOW)]


def test_other_changes_of_a_target_are_recorded_only() -> None:
    tagged = target(tags=frozenset({"x"}))
    state, found = run([], {}, [tagged, target("id-b", "b")], [target(), target("id-b", "b")])
    assert (found.targets, list(state.drift)) == ([tagged], [])


def test_a_target_that_vanished_is_drift_where_it_has_snapshots_of_ours() -> None:
    listed = [snapshot(), foreign("f1", target_id="id-b"), snapshot("p", mark=mark(project="lab", target_id="id-b"))]
    state, found = run(listed, seen(*listed), [], [target(), target("id-b", "b")])
    assert found.targets_gone == [target(), target("id-b", "b")]
    assert state.drift == [Drift("target_vanished", "dc1/volume/a", "is gone; its snapshots stay as orphans", NOW)]


def test_a_recreated_target_is_a_new_one() -> None:
    state, found = run([snapshot()], seen(snapshot()), [target("id-new")], [target()])
    assert (found.targets, found.targets_gone) == ([target("id-new")], [target()])
    text = "was made anew under the same name; the snapshots of the old one stay as orphans"
    assert state.drift == [Drift("target_vanished", "dc1/volume/a", text, NOW)]


def test_what_vanished_earlier_is_still_drift_once_and_of_this_backend_only() -> None:
    earlier = Drift("vanished", snapshot("s0").address, "was removed outside snapplan", NOW - DAY)
    again = Drift("vanished", snapshot().address, "was removed outside snapplan", NOW - DAY)
    elsewhere = Drift("vanished", "dc10/volume/a@x", "was removed outside snapplan", NOW - DAY)
    state, _ = run([], seen(snapshot()), past_drift=[earlier, again, elsewhere])
    assert state.drift == [earlier, again._replace(seen_at=NOW)]


def test_slots_are_satisfied_by_complete_snapshots_of_ours() -> None:
    day = mark().slot
    assert day is not None
    shots = [
        snapshot("a", mark=mark(slot=day - DAY)),
        snapshot("b"),
        snapshot("c", mark=mark(slot=day + DAY), completed_at=None),
        snapshot("d", mark=mark(slot=day + DAY, project="lab")),
        snapshot("e", mark=mark(period="hourly", slot=day + 2 * DAY), managed=True),
        snapshot("f", mark=mark(profile=None, period=None, slot=None, key="k")),
        foreign(),
    ]
    assert satisfied_slots(shots, PROJECT) == {DAILY: day, HOURLY: day + 2 * DAY}
    assert satisfied_slots(reversed(shots), PROJECT) == {DAILY: day, HOURLY: day + 2 * DAY}
    assert satisfied_slots(shots, PROJECT, until=day) == {DAILY: day}


MAYBE = st.none() | st.integers(0, 5).map(lambda days: NOW + days * DAY)


@given(MAYBE, MAYBE)
def test_never_is_the_latest(one: datetime | None, other: datetime | None) -> None:
    assert later(one, other) == later(other, one)
    assert later(one, None) is None
    assert later(one, other) in (one, other)
    if one is not None and other is not None:
        assert later(one, other) == max(one, other)


SIZES = st.dictionaries(st.sampled_from([f"s{i}" for i in range(6)]), st.integers(0, 2))


@given(SIZES, SIZES)
def test_after_recording_a_listing_the_catalog_knows_exactly_that(
    before: dict[str, int], after: dict[str, int]
) -> None:
    known = seen(*(snapshot(i, size=size) for i, size in before.items()))
    listed = [snapshot(i, size=size) for i, size in after.items()]
    state, found = run(listed, known)
    recorded = {i: k.snapshot for i, k in known.items()}
    recorded.update({s.native_id: s for s in found.changed})
    for gone in found.gone:
        del recorded[gone.native_id]
    assert recorded == {s.native_id: s for s in listed}
    assert all(before.get(s.native_id) != s.size for s in found.changed), "what is unchanged is not written"
    assert sorted(state.snapshots) == sorted(listed)


def test_a_target_that_nobody_could_record_is_named_and_stops_this_backend_only() -> None:
    with pytest.raises(BackendError, match="whose name is not what it has to be") as caught:
        run([], {}, [target()._replace(name="odd\udce9")])
    assert caught.value.backend == "dc1"
    assert str(caught.value).encode()
    assert caught.value.hint
    run([snapshot()._replace(target_name="öçß")], {}, [target()._replace(name="名前")])


class TestAPlatformThatDeletesByItself:
    EXPIRING = ANYTHING._replace(expires_itself=True)

    def missed(
        self, shot: Snapshot, *, capabilities: Capabilities = EXPIRING, clock: datetime | None = None
    ) -> tuple[list[str], Observation]:
        """Return the kinds of drift, and what is recorded, when ``shot`` is not listed any more."""
        inventory = Inventory((), [], backend_clock=clock)
        state, found = reconcile(
            "dc1",
            capabilities,
            inventory,
            seen(shot),
            [],
            project=PROJECT,
            live_runs=frozenset(),
            listing_started_at=NOW,
        )
        return [entry.kind for entry in state.drift], found

    def test_what_it_deleted_in_time_is_no_drift(self) -> None:
        over = snapshot(mark=mark(expires_at=NOW))
        assert self.missed(over) == ([], observation(expired=(over,)))
        managed = over._replace(managed=True)
        assert self.missed(managed) == ([], observation(expired=(managed,)))

    def test_what_went_before_its_time_is(self) -> None:
        early = snapshot(mark=mark(expires_at=NOW + timedelta(seconds=1)))
        assert self.missed(early) == (["vanished"], observation(gone=[early]))
        for_ever = snapshot(mark=mark(expires_at=None))
        assert self.missed(for_ever) == (["vanished"], observation(gone=[for_ever]))

    def test_its_own_clock_counts_where_it_is_ahead(self) -> None:
        over = snapshot(mark=mark(expires_at=NOW + timedelta(seconds=30)))
        assert self.missed(over, clock=NOW + timedelta(minutes=1))[0] == []
        assert self.missed(over, clock=NOW - timedelta(minutes=1))[0] == ["vanished"]

    def test_what_a_pin_held_was_to_stay(self) -> None:
        pinned = snapshot(mark=mark(expires_at=NOW, pin=Pin("ada", "audit")))
        assert self.missed(pinned)[0] == ["vanished"]
        ended = snapshot(mark=mark(expires_at=NOW, pin=Pin("ada", "audit", NOW)))
        assert self.missed(ended)[0] == []

    def test_elsewhere_nothing_goes_by_itself(self) -> None:
        over = snapshot(mark=mark(expires_at=NOW))
        assert self.missed(over, capabilities=ANYTHING) == (["vanished"], observation(gone=[over]))

    def test_it_stays_no_drift_and_counts_for_no_guard(self, catalog: Catalog) -> None:
        over, early = snapshot("s1", mark=mark(expires_at=NOW)), snapshot("s2")
        catalog.observe(observation(NOW - DAY, changed=[over, early]))
        catalog.observe(observation(NOW, gone=[early], expired=(over,)))
        assert [entry.subject for entry in catalog.drift()] == [early.address]
        assert catalog.vanished("dc1").snapshots == 1
        assert list(catalog.known("dc1")) == []
        catalog.observe(observation(NOW + DAY, changed=[over]))
        assert list(catalog.known("dc1")) == ["s1"], "a listing that shows it again is believed"


def test_what_the_inventory_says_of_the_platform_is_passed_on() -> None:
    deadlines = {"s1": NOW + DAY, "s2": None}
    inventory = Inventory((), [], deletes_at=deadlines, notices=("the tag x is gone",), requests=13, identity="i")
    state, _ = reconcile(
        "dc1", ANYTHING, inventory, {}, [], project=PROJECT, live_runs=frozenset(), listing_started_at=NOW
    )
    assert (state.deletes_at, state.notices, state.requests) == (deadlines, ("the tag x is gone",), 13)
    assert (state.identity, state.platform) == ("i", None)
