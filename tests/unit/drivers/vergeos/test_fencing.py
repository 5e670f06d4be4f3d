"""A run that lost its lease while a call was under way writes nothing more to the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.base import NoPermit
from snapplan.drivers.vergeos import CAPABILITIES
from snapplan.drivers.vergeos.driver import VergeosDriver
from snapplan.errors import FencedError
from snapplan.models.request import ChangeRequest, ExpireRequest

from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable


class Until(NoPermit):
    """A permit that ends after so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def check(self) -> None:
        if not self.left:
            raise FencedError("another run has the lease")
        self.left -= 1


def fenced(writer: Writer, after: int) -> VergeosDriver:
    """Return a second connection to the same system, whose run may write ``after`` times more."""
    settings = writer.driver._settings._replace(permit=Until(after))
    return VergeosDriver(settings, writer.driver._options, CAPABILITIES, writer._wait)


CALLS: dict[str, Callable[[Writer, VergeosDriver, Any], Any]] = {
    "create": lambda writer, driver, _: next(driver.create([writer.request("vm/db-01", "two")])).error,
    "change": lambda _, driver, one: (
        next(driver.change([ChangeRequest(one, one.mark._replace(expires_at=None))])).error
    ),
    "expire": lambda _, driver, one: next(driver.expire([ExpireRequest(one)])).error,
}


@pytest.mark.parametrize("verb", CALLS)
def test_a_call_writes_nothing_once_the_lease_is_lost(writer: Writer, verb: str) -> None:
    snapshot = writer.take("vm/db-01")
    before = writer.snapshots("vm/db-01")
    driver = fenced(writer, 0)
    writer.sim.requests()
    assert isinstance(CALLS[verb](writer, driver, snapshot), FencedError)
    assert writer.writes() == []
    assert writer.snapshots("vm/db-01") == before
    driver.close()


@pytest.mark.parametrize("writes", range(5))
def test_a_restore_that_loses_the_lease_at_any_write_is_put_right_later(writer: Writer, writes: int) -> None:
    snapshot = writer.take("vm/web-01")
    request = writer.restoring(snapshot, "vm/web-01", as_name="again")
    driver = fenced(writer, writes)
    try:
        driver.restore(request)
    except FencedError:
        assert writes < 4, "it takes four: the category of restores, begun, the clone, done"
    driver.close()
    writer.driver.recover(frozenset())
    assert writer.restore(request).error is None
    assert [row["name"] for row in writer.rows("vms")].count("again") == 1
