"""Laws of the slot calendar, and the sweep over the offset changes of all zones against cronsim."""

import struct
import zoneinfo
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snapplan.models.policy import Period
from snapplan.planner.frequencies import schedule_of, source_of
from snapplan.planner.slots import Calendar, calendar, known_timezone, smallest_gap, worst_gap

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HARD_ZONES = (
    "Africa/Cairo",  # gap at midnight
    "Africa/Casablanca",  # leaves its time for Ramadan
    "America/Caracas",  # moved by half an hour
    "America/Godthab",  # gap over midnight
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",  # changed at 00:01
    "Antarctica/Casey",  # moves by hours, often
    "Antarctica/Troll",  # two hours
    "Asia/Gaza",
    "Asia/Kathmandu",  # 5:45
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # negative summer time
    "Pacific/Apia",  # skipped a day
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "UTC",
)


# --- what the zones do, found without the code under test ---------------------------------------------------------


def zone_file(name: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, name)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


@cache
def distinct_zones() -> tuple[str, ...]:
    """One name of each zone; links and copies have the same file."""
    names = sorted(name for name in zoneinfo.available_timezones() if known_timezone(name))
    return tuple({zone_file(name): name for name in reversed(names)}.values())


def offset_at(zone: zoneinfo.ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


@cache
def offset_changes(name: str, first_year: int, end_year: int) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """The instants (whole minutes) at which the offset changes, with the offset before and after."""
    zone = zoneinfo.ZoneInfo(name)
    found = []
    low = datetime(first_year, 1, 1, 12, tzinfo=UTC)
    before = offset_at(zone, low)
    while low.year < end_year:
        high = low + DAY
        after = offset_at(zone, high)
        if after != before:
            start, end = low, high
            while end - start > MINUTE:
                middle = start + (end - start) // 2 // MINUTE * MINUTE
                start, end = (middle, end) if offset_at(zone, middle) == before else (start, middle)
            found.append((end, before, after))
        low, before = high, after
    return tuple(found)


def explicit_changes(data: bytes) -> list[tuple[int, int]]:
    """The 64-bit transitions of a TZif file (RFC 8536): seconds since 1970, and the offset from then on."""

    def counts(at: int) -> tuple[int, ...]:
        return struct.unpack_from(">6l", data, at + 20)

    utc, std, leaps, times, types, chars = counts(0)
    at = 44 + times * 5 + types * 6 + chars + leaps * 8 + std + utc
    _, _, _, times, types, _ = counts(at)
    at += 44
    instants = struct.unpack_from(f">{times}q", data, at)
    kinds = struct.unpack_from(f">{times}B", data, at + times * 8)
    offsets = [struct.unpack_from(">l", data, at + times * 9 + kind * 6)[0] for kind in range(types)]
    found: list[tuple[int, int]] = []
    for instant, kind in zip(instants, kinds, strict=True):
        if not found or found[-1][1] != offsets[kind]:
            found.append((instant, offsets[kind]))
    return found


# --- other ways to say what the slots are -------------------------------------------------------------------------


def by_cronsim(expression: str, zone: zoneinfo.ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    found = []
    for local in CronSim(expression, after.astimezone(zone)):
        slot = local.astimezone(UTC)
        if slot > until:
            break
        found.append(slot)
    return found


def minutes(after: datetime, until: datetime) -> list[datetime]:
    return [after + MINUTE * number for number in range(1, (until - after) // MINUTE + 1)]


def period(**fields: object) -> Period:
    return Period.model_validate({"retention": "1d", **fields})


# --- laws ---------------------------------------------------------------------------------------------------------

unhurried = settings(deadline=None)  # the first question to a calendar takes longer than the others
zones = st.sampled_from(HARD_ZONES)
hours, whole_minutes = st.integers(0, 23), st.integers(0, 59)
month_days = st.one_of(st.integers(1, 31), st.just("last"))
cron_expressions = st.tuples(
    st.one_of(st.sampled_from(["*", "*/7", "*/15", "0", "5,35", "50-59"]), whole_minutes.map(str)),
    st.one_of(st.sampled_from(["*", "*/2", "0-3", "1,2", "22-23"]), hours.map(str)),
    st.sampled_from(["*", "*", "*", "1", "26-31", "L", "*/10"]),
    st.sampled_from(["*", "*", "*", "3", "10,11"]),
    st.sampled_from(["*", "*", "0", "1-5", "6,7", "0#1"]),
).map(" ".join)
periods = st.one_of(
    st.builds(lambda minute: period(frequency="hourly", minute=minute), whole_minutes),
    st.builds(lambda hour, minute: period(frequency="daily", hour=hour, minute=minute), hours, whole_minutes),
    st.builds(
        lambda day, hour: period(frequency="weekly", day_of_week=day, hour=hour), st.sampled_from(WEEKDAYS), hours
    ),
    st.builds(lambda day, hour: period(frequency="monthly", day_of_month=day, hour=hour), month_days, hours),
    st.builds(
        lambda month, day, hour: period(frequency="yearly", month=month, day_of_month=day, hour=hour),
        st.integers(1, 12),
        month_days,
        hours,
    ),
    st.builds(
        lambda at: period(frequency="custom", at=at.strftime("%Y-%m-%dT%H:%M")),
        st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31)),  # noqa: DTZ001 - a wall time
    ),
    cron_expressions.map(lambda expression: period(cron=expression)),
)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant that is mostly near one of its offset changes."""
    zone = draw(zones)
    changes = offset_changes(zone, 2008, 2032)
    if changes and draw(st.integers(0, 4)):
        instant = draw(st.sampled_from(changes))[0]
    else:
        instant = EPOCH + MINUTE * draw(st.integers(20_000_000, 32_600_000))  # 2008 to 2031
    return zone, instant + draw(st.timedeltas(-2 * DAY, 2 * DAY))


lengths = st.one_of(st.timedeltas(timedelta(0), 3 * DAY), st.timedeltas(timedelta(0), 800 * DAY))


def fresh(wanted: Period, zone: str) -> Calendar:
    return Calendar(*source_of(schedule_of(wanted), zone))


@unhurried
@given(periods, places(), lengths, lengths)
def test_two_neighbouring_spans_make_the_whole(wanted, place, length, further):
    zone, a = place
    b = a + length
    c = b + further
    found = calendar(wanted, zone)
    assert found.between(a, b) + found.between(b, c) == found.between(a, c)
    assert found.count_between(a, c) == len(found.between(a, c))


@unhurried
@given(periods, places(), lengths)
def test_slots_are_whole_minutes_in_utc_and_strictly_increase(wanted, place, length):
    zone, a = place
    found = calendar(wanted, zone).between(a, a + length)
    assert all(slot.tzinfo is UTC and slot.second == slot.microsecond == 0 for slot in found)
    assert all(earlier < later for earlier, later in pairwise(found))
    assert all(a < slot <= a + length for slot in found)


@unhurried
@given(periods, places(), lengths, st.integers(0, 40))
def test_a_limit_gives_the_newest(wanted, place, length, limit):
    zone, a = place
    found = calendar(wanted, zone)
    every = found.between(a, a + length)
    assert found.between(a, a + length, limit) == every[max(0, len(every) - limit) :]


@unhurried
@given(periods, places(), st.lists(st.timedeltas(-40 * DAY, 40 * DAY), min_size=1, max_size=12))
def test_one_calendar_answers_as_a_fresh_one_whatever_it_was_asked_before(wanted, place, offsets):
    zone, instant = place
    asked_often = fresh(wanted, zone)
    for offset in offsets:
        once = fresh(wanted, zone)
        assert asked_often.latest(instant + offset) == once.latest(instant + offset)
        assert asked_often.next(instant + offset) == once.next(instant + offset)
        assert asked_often.between(instant, instant + offset) == fresh(wanted, zone).between(instant, instant + offset)


@unhurried
@given(periods, places(), st.timedeltas(timedelta(0), 40 * DAY))
def test_latest_and_next_agree_with_between(wanted, place, length):
    zone, a = place
    b = a + length
    found = calendar(wanted, zone)
    every = found.between(a, b)
    latest, following = found.latest(b), found.next(a)
    if every:
        assert (following, latest) == (every[0], every[-1])
    else:
        assert latest is None or latest <= a
        assert following is None or following > b
    if latest is not None:
        assert found.latest(latest) == latest
        assert found.next(latest - MINUTE) == latest
        assert found.between(latest, b) == []


@unhurried
@given(periods, places(), st.timedeltas(timedelta(0), 400 * DAY))
def test_no_two_slots_are_further_apart_than_the_worst_gap_of_the_years_it_looks_at(wanted, place, length):
    zone, _ = place
    start = datetime(2026, 1, 1, tzinfo=UTC) + length
    gaps = [later - earlier for earlier, later in pairwise(calendar(wanted, zone).between(start, start + 30 * DAY))]
    worst, smallest = worst_gap(wanted, zone), smallest_gap(wanted, zone)
    if worst is None or smallest is None:
        assert not gaps
    else:
        assert all(smallest <= gap <= worst for gap in gaps)


@settings(deadline=None, max_examples=40)
@given(places(), hours, whole_minutes)
def test_daily_has_one_slot_per_local_date_at_the_first_instant_not_before_its_wall_time(place, hour, minute):
    """Told another way: the first minute of the date, or after it, at which the clock has reached the wall time."""
    zone, instant = place
    where = zoneinfo.ZoneInfo(zone)
    a = instant.replace(second=0, microsecond=0) - 36 * timedelta(hours=1)
    b = a + 3 * DAY
    clocks = [(moment, moment.astimezone(where).replace(tzinfo=None)) for moment in minutes(a - 2 * DAY, b)]
    dates = sorted({clock.date() for _, clock in clocks})
    dates = [dates[0] + DAY * number for number in range((dates[-1] - dates[0]).days + 1)]
    expected = set()
    for day in dates[1:]:
        wall = datetime.combine(day, time(hour, minute))
        reached = next((moment for moment, clock in clocks if clock >= wall), None)
        if reached is not None:
            expected.add(reached)
    found = calendar(period(frequency="daily", hour=hour, minute=minute), zone).between(a, b)
    assert found == sorted(moment for moment in expected if a < moment <= b)


@unhurried
@given(places(), cron_expressions)
def test_cron_at_fixed_times_is_cronsim(place, expression):
    assume(not any(field.startswith("*") for field in expression.split()[:2]))
    zone, instant = place
    a, b = instant - 20 * DAY, instant + 20 * DAY
    expected = by_cronsim(expression, zoneinfo.ZoneInfo(zone), a, b)
    assert calendar(period(cron=expression), zone).between(a, b) == expected


@unhurried
@given(places(), cron_expressions)
def test_starred_cron_is_every_minute_that_matches(place, expression):
    """cronsim's rule for jobs that "follow real time", minute by minute.

    Not compared with cronsim's own walk here: where the offset changes at other than a full hour, or skips a midnight,
    its steps of whole hours pass over minutes that match (``* 1 * * 0`` in Havana, ``* 3 * * *`` in Lord Howe), and
    at St John's changes at 00:01 (until 2011) it never returns.
    """
    assume(any(field.startswith("*") for field in expression.split()[:2]))
    try:
        fields = CronSim(expression, EPOCH)
    except CronSimError:
        assume(False)
    zone, instant = place
    where = zoneinfo.ZoneInfo(zone)
    a = instant.replace(second=0, microsecond=0) - DAY
    b = a + 2 * DAY
    matching = []
    for moment in minutes(a, b):
        clock = moment.astimezone(where)
        if clock.minute in fields.minutes and clock.hour in fields.hours and clock.month in fields.months:
            matching += [moment] if fields.match_day(clock.date()) else []
    assert calendar(period(cron=expression), zone).between(a, b) == matching


@unhurried
@given(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"]), st.data(), cron_expressions)
def test_starred_cron_is_cronsim_where_full_hours_change_by_day(zone, data, expression):
    assume(any(field.startswith("*") for field in expression.split()[:2]))
    changes = offset_changes(zone, 2008, 2032) or ((datetime(2026, 11, 22, tzinfo=UTC), None, None),)
    instant = data.draw(st.sampled_from(changes))[0]
    a, b = instant - 3 * DAY, instant + 3 * DAY
    try:
        expected = by_cronsim(expression, zoneinfo.ZoneInfo(zone), a, b)
    except CronSimError:
        assume(False)
    assert calendar(period(cron=expression), zone).between(a, b) == expected


# --- all zones ----------------------------------------------------------------------------------------------------


def test_no_zone_changes_twice_within_a_day():
    """The premise of finding changes by comparing successive days."""
    checked = 0
    for name in distinct_zones():
        recent = [instant for instant, _ in explicit_changes(zone_file(name)) if instant >= 0]
        assert all(later - earlier > DAY.total_seconds() for earlier, later in pairwise(recent)), name
        checked += len(recent)
    assert checked > 1000


def schedules_at(wall: datetime) -> list[tuple[Period, str]]:
    """The daily, weekly, monthly and yearly period at ``wall``, each with its cron expression."""
    clock = {"hour": wall.hour, "minute": wall.minute}
    day, month, weekday = wall.day, wall.month, wall.isoweekday()
    at = f"{wall.minute} {wall.hour}"
    return [
        (period(frequency="daily", **clock), f"{at} * * *"),
        (period(frequency="weekly", day_of_week=WEEKDAYS[weekday - 1], **clock), f"{at} * * {weekday}"),
        (period(frequency="monthly", day_of_month=day, **clock), f"{at} {day} * *"),
        (period(frequency="yearly", month=month, day_of_month=day, **clock), f"{at} {day} {month} *"),
    ]


def walls_around(change: datetime, before: timedelta, after: timedelta) -> list[datetime]:
    """Wall times at, within and beside the gap or the repeated time of one change."""
    low, high = sorted(((change + before).replace(tzinfo=None), (change + after).replace(tzinfo=None)))
    middle = low + (high - low) // 2 // MINUTE * MINUTE
    return sorted({low - MINUTE, low, low + MINUTE, middle, high - MINUTE, high, high + MINUTE})


def compare_around(name: str, change: tuple[datetime, timedelta, timedelta]) -> int:
    """Compare the slots within two days of one change; return how many there were."""
    zone = zoneinfo.ZoneInfo(name)
    after, until = change[0] - 2 * DAY, change[0] + 2 * DAY
    checked = 0
    for wall in walls_around(*change):
        for wanted, expression in schedules_at(wall):
            expected = by_cronsim(expression, zone, after, until)
            assert calendar(wanted, name).between(after, until) == expected, (name, change, expression)
            checked += len(expected)
    near = minutes(change[0] - 150 * MINUTE, change[0] + 150 * MINUTE)
    for minute in {0, 15, 45}:
        expected = [moment for moment in near if moment.astimezone(zone).minute == minute]
        found = calendar(period(frequency="hourly", minute=minute), name).between(near[0] - MINUTE, near[-1])
        assert found == expected, (name, change, minute)
        checked += len(expected)
    return checked


def sweep(names: tuple[str, ...], first_year: int, end_year: int) -> tuple[int, int]:
    """Compare around every distinct change; return the numbers of changes and of slots."""
    changes = {change: name for name in names for change in offset_changes(name, first_year, end_year)}
    slots = sum(compare_around(name, change) for change, name in changes.items())
    print(f"{len(names)} zones, {len(changes)} distinct offset changes, {slots} slots equal")
    return len(changes), slots


def test_a_sample_of_zones_equals_cronsim_and_the_definition_around_every_change(record_property):
    every = distinct_zones()
    names = tuple(sorted({*HARD_ZONES, *every[:: len(every) // 20]}))
    changes, slots = sweep(names, 2025, 2028)
    record_property("slots", slots)
    assert len(names) >= 35
    assert changes > 30
    assert slots > changes * 50


@pytest.mark.slow
def test_all_zones_equal_cronsim_and_the_definition_around_every_change(record_property):
    changes, slots = sweep(distinct_zones(), 2000, 2038)
    record_property("slots", slots)
    assert changes > 2500
    assert slots > changes * 50
