from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapplan.catalog.open import open_catalog
from snapplan.catalog.rows import EPOCH, Instants, seconds
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Scope, Target

from .samples import NOW, PROJECT, observation

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
START, FAR, NEAR = (datetime(year, 1, 1) for year in (1970, 9000, 2200))  # noqa: DTZ001
ANY = st.datetimes(START, NEAR).map(lambda d: d.replace(fold=0, tzinfo=UTC))
WHOLE = st.datetimes(START, FAR).map(lambda d: d.replace(microsecond=0, fold=0, tzinfo=UTC))
FLAG = st.none() | st.booleans()
PINS = st.builds(Pin, TEXT, TEXT, st.none() | WHOLE)
MARKS = st.builds(
    Mark,
    project=TEXT,
    target_id=TEXT,
    run=TEXT,
    taken_at=WHOLE,
    expires_at=st.none() | WHOLE,
    profile=st.none() | TEXT,
    period=st.none() | TEXT,
    slot=st.none() | WHOLE,
    key=st.none() | TEXT,
    minimum=st.integers(0, 1000),
    pin=st.none() | PINS,
    set=st.none() | TEXT,
)
SNAPSHOTS = st.builds(
    Snapshot,
    backend=st.just("dc1"),
    native_id=TEXT,
    name=TEXT,
    scope=st.sampled_from(Scope),
    target_id=TEXT,
    target_name=TEXT,
    taken_at=ANY,
    completed_at=st.none() | ANY,
    mark=st.none() | MARKS,
    quiesced=FLAG,
    consistent=FLAG,
    managed=st.booleans(),
    locked_until=st.none() | WHOLE,
    in_use=TEXT,
    size=st.none() | st.integers(0, 2**62),
    contains=st.lists(TEXT, max_size=3).map(tuple),
)
TARGETS = st.builds(
    Target,
    backend=st.just("dc1"),
    scope=st.sampled_from(Scope),
    name=TEXT,
    id=TEXT,
    tags=st.frozensets(TEXT, max_size=3),
    can_quiesce=st.booleans(),
    in_place_blocker=TEXT,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SNAPSHOTS, max_size=6, unique_by=lambda s: s.native_id))
def test_snapshots_come_back_as_they_were(shots: list[Snapshot]) -> None:
    catalog = open_catalog("memory:", project=PROJECT, base=Path())
    catalog.observe(observation(changed=shots))
    known = catalog.known("dc1")
    catalog.close()
    assert {i: record.snapshot for i, record in known.items()} == {s.native_id: s for s in shots}
    for shot in shots:
        found = known[shot.native_id]
        assert repr(found.snapshot) == repr(shot), "equal is not enough: 1 == True"
        assert found.expires_at == (shot.mark.expires_at if shot.mark else None)


@settings(max_examples=40, deadline=None)
@given(st.lists(TARGETS, max_size=6, unique_by=lambda t: t.id))
def test_targets_come_back_as_they_were(targets: list[Target]) -> None:
    catalog = open_catalog("memory:", project=PROJECT, base=Path())
    catalog.observe(observation(targets=targets))
    known = catalog.known_targets("dc1")
    catalog.close()
    assert set(known) == set(targets)
    assert len(known) == len(targets)


@given(ANY)
def test_instants_come_back_to_the_microsecond(instant: datetime) -> None:
    assert Instants()[seconds(instant)] == instant


def test_instants_are_whole_numbers_where_they_can_be_and_made_once() -> None:
    memo = Instants()
    assert type(seconds(NOW)) is int
    assert seconds(EPOCH + timedelta(milliseconds=1500)) == 1.5
    assert memo[seconds(NOW)] is memo[seconds(NOW)]
    assert seconds(NOW.astimezone(timezone(timedelta(hours=1)))) == seconds(NOW)


def test_a_local_time_is_no_instant() -> None:
    with pytest.raises(TypeError):
        seconds(datetime(2026, 11, 22))  # noqa: DTZ001
