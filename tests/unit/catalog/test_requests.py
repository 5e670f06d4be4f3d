from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .samples import NOW

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_requests_of_an_hour_add_up_by_backend(catalog: Catalog) -> None:
    catalog.count_requests("dc1", NOW, 13)
    catalog.count_requests("dc1", NOW + timedelta(seconds=30), 2)
    catalog.count_requests("dc1", NOW + 20 * MINUTE, 5)
    catalog.count_requests("dc2", NOW, 1)
    assert catalog.requests_since("dc1", NOW - HOUR) == 20
    assert catalog.requests_since("dc2", NOW - HOUR) == 1
    assert catalog.requests_since("dc3", NOW - HOUR) == 0


def test_the_minute_that_is_cut_counts_whole(catalog: Catalog) -> None:
    catalog.count_requests("dc1", NOW + timedelta(seconds=50), 13)
    assert catalog.requests_since("dc1", NOW + timedelta(seconds=59)) == 13
    assert catalog.requests_since("dc1", NOW + MINUTE) == 0


def test_they_are_forgotten_after_two_hours_and_where_a_clock_was_far_ahead(catalog: Catalog) -> None:
    catalog.count_requests("dc1", NOW, 13)
    catalog.count_requests("dc1", NOW + 300 * HOUR, 1)
    catalog.count_requests("dc1", NOW + 2 * HOUR + MINUTE, 1)
    assert catalog.requests_since("dc1", NOW - HOUR) == 1


def test_no_decision_is_changed(catalog: Catalog) -> None:
    before = catalog.state(), catalog.record_head()
    catalog.count_requests("dc1", NOW, 13)
    assert (catalog.state(), catalog.record_head()) == before
