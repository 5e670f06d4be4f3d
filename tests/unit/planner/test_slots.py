from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from snapplan.models.policy import Period
from snapplan.planner.cron import cron_problem
from snapplan.planner.slots import calendar, known_timezone, smallest_gap, worst_gap
from snapplan.planner.wallclock import Stretch, once_per_wall

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def period(**fields: object) -> Period:
    return Period.model_validate({"retention": "1d", **fields})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(zone: str, after: str, until: str, **fields: object) -> list[str]:
    found = calendar(period(**fields), zone).between(utc(after), utc(until))
    return [slot.strftime("%Y-%m-%dT%H:%M") for slot in found]


def in_zone(zone: str, after: str, until: str, **fields: object) -> list[str]:
    found = calendar(period(**fields), zone).between(utc(after), utc(until))
    return [slot.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for slot in found]


class TestOffsetChanges:
    def test_berlin_daily_in_the_spring_gap_moves_to_the_first_instant_after_it(self):
        assert in_zone("Europe/Berlin", "2026-03-28", "2026-03-31", frequency="daily", hour=2, minute=30) == [
            "03-28 02:30+0100",
            "03-29 03:00+0200",
            "03-30 02:30+0200",
        ]

    def test_berlin_daily_in_the_repeated_hour_takes_the_first(self):
        assert in_zone("Europe/Berlin", "2026-10-24T12:00", "2026-10-26T12:00", frequency="daily", hour=2) == [
            "10-25 02:00+0200",
            "10-26 02:00+0100",
        ]

    def test_berlin_hourly_has_both_of_the_repeated_hour(self):
        assert in_zone("Europe/Berlin", "2026-10-24T23:00", "2026-10-25T02:30", frequency="hourly", minute=15) == [
            "10-25 01:15+0200",
            "10-25 02:15+0200",
            "10-25 02:15+0100",
            "10-25 03:15+0100",
        ]

    def test_berlin_hourly_has_none_in_the_gap_and_no_hole(self):
        assert slots("Europe/Berlin", "2026-03-28T23:30", "2026-03-29T02:30", frequency="hourly", minute=15) == [
            "2026-03-29T00:15",
            "2026-03-29T01:15",
            "2026-03-29T02:15",
        ]

    def test_lord_howe_changes_by_half_an_hour(self):
        """02:00 becomes 02:30 in spring: the minute 15 of that hour does not exist; in autumn 01:45 is twice."""
        spring = {"after": "2026-10-03T14:00", "until": "2026-10-03T17:00"}
        assert in_zone("Australia/Lord_Howe", **spring, frequency="hourly", minute=15) == [
            "10-04 01:15+1030",
            "10-04 03:15+1100",
        ]
        assert in_zone("Australia/Lord_Howe", **spring, frequency="daily", hour=2, minute=15) == ["10-04 02:30+1100"]
        assert in_zone(
            "Australia/Lord_Howe", "2026-04-04T14:00", "2026-04-04T16:30", frequency="hourly", minute=45
        ) == ["04-05 01:45+1100", "04-05 01:45+1030", "04-05 02:45+1030"]

    def test_kathmandu_is_five_and_three_quarter_hours_east(self):
        assert slots("Asia/Kathmandu", "2026-01-01T00:00", "2026-01-01T02:00", frequency="hourly", minute=0) == [
            "2026-01-01T00:15",
            "2026-01-01T01:15",
        ]
        assert slots("Asia/Kathmandu", "2026-01-01", "2026-01-02", frequency="daily") == ["2026-01-01T18:15"]

    def test_apia_skipped_a_whole_day(self):
        """30 December 2011 did not exist; its slot is the first instant of the 31st."""
        assert in_zone("Pacific/Apia", "2011-12-29", "2012-01-01", frequency="daily", hour=2) == [
            "12-29 02:00-1000",
            "12-31 00:00+1400",
            "12-31 02:00+1400",
            "01-01 02:00+1400",
        ]

    def test_apia_at_midnight_has_one_slot_for_the_skipped_day_and_the_next(self):
        assert in_zone("Pacific/Apia", "2011-12-29", "2012-01-01", frequency="daily") == [
            "12-29 00:00-1000",
            "12-31 00:00+1400",
            "01-01 00:00+1400",
        ]

    def test_godthab_gap_over_midnight_moves_the_slot_to_the_next_date(self):
        """On 30 March 2024 23:00 became 00:00 of the 31st."""
        assert in_zone(
            "America/Godthab", "2024-03-29T12:00", "2024-04-01T12:00", frequency="daily", hour=23, minute=30
        ) == ["03-29 23:30-0200", "03-31 00:00-0100", "03-31 23:30-0100"]

    def test_casablanca_leaves_its_time_for_ramadan(self):
        daily = {"frequency": "daily", "hour": 2, "minute": 30}
        assert in_zone("Africa/Casablanca", "2026-02-14", "2026-02-17", **daily) == [
            "02-14 02:30+0100",
            "02-15 02:30+0100",
            "02-16 02:30+0000",
        ]
        assert in_zone("Africa/Casablanca", "2026-03-21", "2026-03-23", **daily) == [
            "03-21 02:30+0000",
            "03-22 03:00+0100",
        ]

    def test_monrovia_had_an_offset_with_seconds_and_slots_are_still_whole_minutes(self):
        found = calendar(period(frequency="daily"), "Africa/Monrovia").between(utc("1971-01-01"), utc("1971-01-03"))
        assert [slot.second for slot in found] == [0, 0]


class TestDays:
    def test_weekly(self):
        assert slots("UTC", "2026-11-01", "2026-11-20", frequency="weekly", day_of_week="sun", hour=1) == [
            "2026-11-01T01:00",
            "2026-11-08T01:00",
            "2026-11-15T01:00",
        ]
        assert slots("UTC", "2026-11-01", "2026-11-08", frequency="weekly", day_of_week="sat") == ["2026-11-07T00:00"]

    @pytest.mark.parametrize("day", [31, "last"])
    def test_monthly_beyond_the_end_is_the_last_day(self, day):
        assert slots("UTC", "2028-01-01", "2028-05-01", frequency="monthly", day_of_month=day) == [
            "2028-01-31T00:00",
            "2028-02-29T00:00",
            "2028-03-31T00:00",
            "2028-04-30T00:00",
        ]

    def test_monthly_29_clamps_only_in_short_februaries(self):
        found = slots("UTC", "2027-01-01", "2027-04-01", frequency="monthly", day_of_month=29)
        assert found == ["2027-01-29T00:00", "2027-02-28T00:00", "2027-03-29T00:00"]

    def test_yearly_29_february_clamps_to_28(self):
        assert slots("UTC", "2026-01-01", "2029-01-01", frequency="yearly", month=2, day_of_month=29) == [
            "2026-02-28T00:00",
            "2027-02-28T00:00",
            "2028-02-29T00:00",
        ]

    def test_local_date_decides_not_the_utc_date(self):
        assert slots("Pacific/Auckland", "2026-06-29", "2026-07-02", frequency="monthly", day_of_month=1, hour=3) == [
            "2026-06-30T15:00"
        ]

    def test_slots_at_the_turn_of_the_year_are_there_once(self):
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            assert len(slots(zone, "2025-12-25", "2026-01-08", frequency="daily", hour=12)) == 14
            assert len(slots(zone, "2025-12-31", "2026-01-02", frequency="hourly")) == 48


class TestCustom:
    def test_has_exactly_one_slot(self):
        once = calendar(period(frequency="custom", at="2026-12-01T20:00"), "Europe/Berlin")
        slot = utc("2026-12-01T19:00")
        assert once.between(utc("1900-01-01"), utc("2900-01-01")) == [slot]
        assert once.latest(slot) == once.next(slot - HOUR) == once.latest(utc("2399-01-01")) == slot
        assert once.next(utc("1970-01-01")) == slot
        assert once.latest(slot - timedelta(minutes=1)) is None
        assert once.next(slot) is None

    def test_in_a_gap_it_moves_and_in_a_repeated_hour_it_is_the_first(self):
        span = ("2026-01-01", "2027-01-01")
        assert slots("Europe/Berlin", *span, frequency="custom", at="2026-03-29T02:30") == ["2026-03-29T01:00"]
        assert slots("Europe/Berlin", *span, frequency="custom", at="2026-10-25T02:30") == ["2026-10-25T00:30"]

    @pytest.mark.parametrize(
        ("at", "zone"), [("1970-01-01T00:00", "Asia/Tokyo"), ("2399-12-31T23:00", "America/New_York")]
    )
    def test_outside_the_calendar_it_has_none(self, at, zone):
        assert slots(zone, "1900-01-01", "2900-01-01", frequency="custom", at=at) == []

    def test_has_no_gap(self):
        once = period(frequency="custom", at="2026-12-01T20:00")
        assert worst_gap(once, "UTC") is None
        assert smallest_gap(once, "UTC") is None


class TestCron:
    def test_a_job_at_fixed_times_runs_once_in_gap_and_repeated_hour(self):
        assert slots("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", cron="15,45 2 * * *") == [
            "2026-03-29T01:00"
        ]
        assert slots("Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00", cron="30 2 * * *") == ["2026-10-25T00:30"]

    def test_a_starred_job_follows_real_time(self):
        assert len(slots("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00", cron="*/30 * * * *")) == 50
        assert slots("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", cron="*/30 2 * * *") == []

    def test_day_of_month_and_day_of_week_are_alternatives_unless_one_is_starred(self):
        assert len(slots("UTC", "2026-11-01", "2026-11-30", cron="0 1 15 * mon")) == 5
        assert slots("UTC", "2026-01-01", "2026-03-01", cron="0 1 L * *") == ["2026-01-31T01:00", "2026-02-28T01:00"]

    def test_every_minute(self):
        every = calendar(period(cron="* * * * *"), "America/New_York")
        assert every.latest(utc("2026-11-22T12:30:59")) == utc("2026-11-22T12:30")
        assert every.next(utc("2026-11-30T23:59")) == utc("2026-12-01")
        assert every.count_between(utc("2026-01-01"), utc("2027-01-01")) == 365 * 1440

    def test_a_rare_one_is_found_far_away_in_both_directions(self):
        rare = calendar(period(cron="0 0 * 2 mon#5"), "UTC")
        assert rare.latest(utc("2026-11-22")) == utc("2016-02-29")
        assert rare.next(utc("2026-11-22")) == utc("2044-02-29")
        leap = calendar(period(cron="0 0 29 2 *"), "UTC")
        assert leap.next(utc("2096-03-01")) == utc("2104-02-29")

    @pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 */40 * 1#2"])
    def test_one_that_never_fires_has_no_slots(self, expression):
        never = calendar(period(cron=expression), "Europe/Berlin")
        assert never.latest(utc("2026-11-22")) is None
        assert never.next(utc("2026-11-22")) is None
        assert never.between(utc("2000-01-01"), utc("2100-01-01")) == []
        assert worst_gap(period(cron=expression), "Europe/Berlin") is None

    @pytest.mark.parametrize(
        ("expression", "problem"),
        [
            ("0 0 * *", "4 fields"),
            ("0 0 0 * * *", "6 fields"),
            ("61 * * * *", "bad minute"),
            ("0 0 32 * *", "bad day-of-month"),
            ("0 0 30 2 x", "bad day-of-week"),
            ("", "0 fields"),
        ],
    )
    def test_a_wrong_one_says_what_is_wrong(self, expression, problem):
        with pytest.raises(ValueError, match=problem):
            calendar(period(cron=expression), "UTC")
        assert problem in (cron_problem(expression) or "")

    def test_problem_of_a_right_and_of_a_silent_one(self):
        assert cron_problem("*/5 2 * * mon-fri") is None
        assert "never fires" in (cron_problem("0 0 30 2 *") or "")


class TestAsking:
    def test_latest_includes_its_instant_and_next_does_not(self):
        daily = calendar(period(frequency="daily", hour=2), "UTC")
        slot = utc("2026-11-22T02:00")
        assert daily.latest(slot) == slot
        assert daily.latest(slot - timedelta(microseconds=1)) == slot - DAY
        assert daily.next(slot) == slot + DAY
        assert daily.next(slot - timedelta(microseconds=1)) == slot

    def test_between_excludes_its_start_and_includes_its_end(self):
        daily = calendar(period(frequency="daily", hour=2), "UTC")
        first, last = utc("2026-11-20T02:00"), utc("2026-11-22T02:00")
        assert daily.between(first, last) == [first + DAY, last]
        assert daily.count_between(first, last) == 2
        assert daily.between(last, first) == daily.between(last, last) == []

    def test_a_limit_keeps_the_newest(self):
        hourly = calendar(period(frequency="hourly"), "UTC")
        span = utc("1970-01-01"), utc("2026-11-22T02:30")
        assert hourly.between(*span, limit=2) == [utc("2026-11-22T01:00"), utc("2026-11-22T02:00")]
        assert hourly.between(*span, limit=0) == []
        assert len(hourly.between(*span, limit=5000)) == 5000

    def test_other_zones_may_be_asked_in(self):
        daily = calendar(period(frequency="daily", hour=2), "UTC")
        asked = utc("2026-11-30T23:30").astimezone(ZoneInfo("Asia/Tokyo"))
        assert daily.latest(asked) == utc("2026-11-30T02:00")
        assert daily.next(asked) == utc("2026-12-01T02:00")

    def test_answers_are_in_utc(self):
        found = calendar(period(frequency="daily"), "Europe/Berlin").latest(utc("2026-11-22"))
        assert found is not None
        assert found.tzinfo is UTC

    def test_beyond_the_calendar_there_is_nothing(self):
        daily = calendar(period(frequency="daily"), "UTC")
        assert daily.latest(utc("1969-12-31")) is None
        assert daily.next(utc("0001-01-01")) == utc("1970-01-01")
        assert daily.next(utc("2399-12-31")) is None
        assert daily.latest(utc("9999-12-31")) == utc("2399-12-31")
        assert daily.next(utc("9999-01-01")) is None

    def test_a_naive_instant_is_refused(self):
        naive = utc("2026-11-22").replace(tzinfo=None)
        with pytest.raises(TypeError):
            calendar(period(frequency="daily"), "UTC").latest(naive)
        with pytest.raises(TypeError):
            calendar(period(frequency="daily"), "UTC").between(naive, naive)

    def test_equal_schedules_share_a_calendar(self):
        one, other = period(frequency="daily", hour=2), period(frequency="daily", hour=2, retention="9d")
        assert calendar(one, "UTC") is calendar(other, "UTC")
        assert calendar(one, "UTC") is not calendar(one, "Europe/Berlin")

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"frequency": "weekly"},
            {"frequency": "monthly"},
            {"frequency": "yearly", "month": 2},
            {"frequency": "yearly", "day_of_month": 2},
            {"frequency": "custom"},
        ],
    )
    def test_a_period_without_a_day_is_refused(self, fields):
        with pytest.raises(ValueError, match="need"):
            calendar(period(**fields), "UTC")

    def test_an_unknown_zone_is_refused(self):
        with pytest.raises(ValueError, match="Mars/Olympus"):
            calendar(period(frequency="daily"), "Mars/Olympus")


class TestGaps:
    @pytest.mark.parametrize(
        ("zone", "fields", "smallest", "worst"),
        [
            ("UTC", {"frequency": "hourly"}, HOUR, HOUR),
            ("Europe/Berlin", {"frequency": "hourly"}, HOUR, HOUR),
            ("Australia/Lord_Howe", {"frequency": "hourly"}, HOUR, 1.5 * HOUR),
            ("Australia/Lord_Howe", {"frequency": "hourly", "minute": 45}, 0.5 * HOUR, HOUR),
            ("UTC", {"frequency": "daily"}, DAY, DAY),
            ("Europe/Berlin", {"frequency": "daily", "hour": 12}, 23 * HOUR, 25 * HOUR),
            ("Europe/Berlin", {"frequency": "weekly", "day_of_week": "sun", "hour": 12}, 167 * HOUR, 169 * HOUR),
            ("Europe/Berlin", {"frequency": "monthly", "day_of_month": 1}, 28 * DAY, 31 * DAY + HOUR),
            ("UTC", {"frequency": "yearly", "month": 6, "day_of_month": 1}, 365 * DAY, 366 * DAY),
            ("UTC", {"cron": "0 0 29 2 *"}, 1461 * DAY, 1461 * DAY),
            ("UTC", {"cron": "0 0 * 2 mon#5"}, 10227 * DAY, 14609 * DAY),
            ("UTC", {"cron": "*/20 8-17 * * *"}, HOUR / 3, 14 * HOUR + HOUR / 3),
        ],
    )
    def test_of(self, zone, fields, smallest, worst):
        assert (smallest_gap(period(**fields), zone), worst_gap(period(**fields), zone)) == (smallest, worst)


class TestKnownTimezone:
    @pytest.mark.parametrize(
        "name",
        ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1", "America/Port-au-Prince", "EST5EDT"],
    )
    def test_zones(self, name):
        assert known_timezone(name)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " ",
            ".",
            "..",
            "../etc/passwd",
            "/etc/localtime",
            "Europe",
            "Europe/",
            "Europe/../Europe/Berlin",
            "Europe//Berlin",
            "Europe/Berlin\n",
            "Europe\\Berlin",
            "Europe/Berlin\0",
            "Zürich",
            "tzdata.zi",
            "zone.tab",
            "__init__.py",
            "localtime",
            "posixrules",
            "right/Europe/Berlin",
            "posix/Europe/Berlin",
            "Factory",
            "Mars/Olympus",
            "A" * 5000,
        ],
    )
    def test_other_text(self, name):
        assert not known_timezone(name)


def test_a_wall_time_shown_before_a_very_short_stretch_is_not_resolved_again():
    zone = (Stretch(0, 100, 60), Stretch(100, 110, 0), Stretch(110, 300, 60))
    assert once_per_wall([100, 155, 170], zone) == [40, 95, 110]
