from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.errors import FencedError, LockedError

from .samples import ACCEPTED, ELSEWHERE, NOW, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.catalog.base import Catalog, Lease, Owner

SECOND = timedelta(seconds=1)
HOLD = """
import sys
from pathlib import Path
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan import clock
catalog = open_catalog("sqlite:///c.db", project="prod", base=Path(sys.argv[1]))
run = catalog.begin_run("apply", current_owner({}), clock.now(), None)
catalog.acquire("dc1", run.number, current_owner({}), clock.now())
print(run.id, flush=True)
sys.stdin.read()
"""


def begin(catalog: Catalog, owner: Owner | None = None) -> int:
    return catalog.begin_run("apply", owner or current_owner({}), NOW, None).number


def age(catalog: Catalog, lease: Lease, seconds: float) -> None:
    """Let the last heartbeat be so many seconds older, as after a pause of the process."""
    with catalog._connection.write() as db:  # type: ignore[attr-defined]
        db.execute("UPDATE lease SET beat = beat - ?, heartbeat_at = heartbeat_at - ?", (seconds, seconds))


def test_one_run_holds_a_backend_and_the_token_rises(catalog: Catalog) -> None:
    first, second = begin(catalog), begin(catalog)
    lease = catalog.acquire("dc1", first, current_owner({}), NOW)
    with pytest.raises(LockedError) as caught:
        catalog.acquire("dc1", second, current_owner({}), NOW)
    assert str(caught.value) == f"backend 'dc1' is locked by {current_owner({})}, run {first}"
    assert catalog.acquire("dc2", second, current_owner({}), NOW).token == 1
    catalog.release(lease)
    later = catalog.acquire("dc1", second, current_owner({}), NOW)
    assert (lease.token, later.token, later.run) == (1, 2, second)


def test_a_stepped_clock_does_not_free_the_lease_of_a_live_process(catalog: Catalog) -> None:
    first, second = begin(catalog), begin(catalog)
    catalog.acquire("dc1", first, current_owner({}), NOW)
    for step in (timedelta(days=-400), timedelta(days=400)):
        with pytest.raises(LockedError):
            catalog.acquire("dc1", second, current_owner({}), NOW + step)


def test_another_hosts_lease_ends_sixty_seconds_after_its_heartbeat(catalog: Catalog) -> None:
    first, second = begin(catalog, ELSEWHERE), begin(catalog)
    lease = catalog.acquire("dc1", first, ELSEWHERE, NOW)
    catalog.renew(lease, NOW + 30 * SECOND)
    with pytest.raises(LockedError, match=r"ada@another-host \(pid 4242, GitLab job 9\)"):
        catalog.acquire("dc1", second, current_owner({}), NOW + 89 * SECOND)
    catalog.acquire("dc1", second, current_owner({}), NOW + 90 * SECOND)
    assert {row.number: row.state for row in catalog.runs()} == {first: "interrupted", second: "running"}


def test_a_heartbeat_far_in_the_future_keeps_nobody_out(catalog: Catalog) -> None:
    first, second = begin(catalog, ELSEWHERE), begin(catalog)
    catalog.acquire("dc1", first, ELSEWHERE, NOW + timedelta(days=365))
    catalog.acquire("dc1", second, current_owner({}), NOW)


@pytest.mark.parametrize("change", [{"boot_id": "the-boot-before"}, {"started": "1/pid:[0]", "pid": 2**22 + 1}])
def test_an_owner_that_is_gone_frees_it_at_once(catalog: Catalog, change: dict[str, object]) -> None:
    gone = current_owner({})._replace(**change)
    if "started" in change:
        namespace = current_owner({}).started.partition("/")[2]
        gone = gone._replace(started=f"1/{namespace}")
    first, second = begin(catalog, gone), begin(catalog)
    catalog.acquire("dc1", first, gone, NOW)
    assert catalog.live_runs(NOW) == frozenset()
    catalog.acquire("dc1", second, current_owner({}), NOW)


def test_a_paused_owner_is_taken_over_from_and_fenced_off(catalog: Catalog) -> None:
    first, second = begin(catalog), begin(catalog)
    paused = catalog.acquire("dc1", first, current_owner({}), NOW)
    age(catalog, paused, 59)
    with pytest.raises(LockedError):
        catalog.acquire("dc1", second, current_owner({}), NOW)
    age(catalog, paused, 1)
    taken = catalog.acquire("dc1", second, current_owner({}), NOW)
    for late in (lambda: catalog.check(paused), lambda: catalog.renew(paused, NOW)):
        with pytest.raises(FencedError, match="took over backend 'dc1'"):
            late()
    catalog.release(paused)
    catalog.check(taken)


def test_a_check_after_a_pause_prolongs_the_lease_before_anybody_takes_it(catalog: Catalog) -> None:
    first, second = begin(catalog), begin(catalog)
    lease = catalog.acquire("dc1", first, current_owner({}), NOW)
    age(catalog, lease, 300)
    catalog.check(lease)
    with pytest.raises(LockedError):
        catalog.acquire("dc1", second, current_owner({}), NOW)


def test_a_lease_that_was_given_back_is_no_longer_ours(catalog: Catalog) -> None:
    lease = catalog.acquire("dc1", begin(catalog), current_owner({}), NOW)
    catalog.release(lease)
    with pytest.raises(FencedError, match="was taken away"):
        catalog.check(lease)


def test_the_same_run_may_ask_again(catalog: Catalog) -> None:
    run = begin(catalog)
    first = catalog.acquire("dc1", run, current_owner({}), NOW)
    second = catalog.acquire("dc1", run, current_owner({}), NOW)
    assert second.token > first.token
    assert [row.state for row in catalog.runs()] == ["running"]


def test_live_runs_are_those_with_a_valid_lease(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None)
    assert catalog.live_runs(NOW) == frozenset()
    lease = catalog.acquire("dc1", run.number, current_owner({}), NOW)
    assert catalog.live_runs(NOW) == {run.id}
    age(catalog, lease, 60)
    assert catalog.live_runs(NOW) == frozenset()
    catalog.renew(lease, NOW)
    assert catalog.live_runs(NOW) == {run.id}
    catalog.end_run(run.number, "done", NOW, confirm=ACCEPTED)
    catalog.release(lease)
    assert catalog.live_runs(NOW) == frozenset()


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that holds the lease of dc1 until it is killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_frees_its_lease_at_once(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with holder:
        assert holder.stdout is not None
        held_by = holder.stdout.readline().strip()
        catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
        run = catalog.begin_run("apply", current_owner({}), NOW, None)
        with pytest.raises(LockedError, match=f"pid {holder.pid}"):
            catalog.acquire("dc1", run.number, current_owner({}), NOW)
        assert catalog.live_runs(NOW) == {held_by}
        holder.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert catalog.live_runs(NOW) == frozenset()
        assert catalog.acquire("dc1", run.number, current_owner({}), NOW).token == 2
        assert [row.state for row in catalog.runs()] == ["running", "interrupted"]
        catalog.close()


def test_leases_are_listed_with_their_holders(catalog: Catalog) -> None:
    assert catalog.leases() == []
    run = catalog.begin_run("apply", ELSEWHERE, NOW, None).number
    catalog.acquire("dc1", run, ELSEWHERE, NOW)
    lease = catalog.acquire("nas", run, current_owner({}), NOW)
    far, near = catalog.leases()
    assert far == ("dc1", f"{ELSEWHERE}, run {run}", NOW, False), "its heartbeat is old by now"
    assert near == ("nas", f"{current_owner({})}, run {run}", NOW, True)
    catalog.release(lease)
    assert [backend for backend, *_ in catalog.leases()] == ["dc1"]


def test_an_unlocked_lease_fences_its_holder_off(catalog: Catalog) -> None:
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    lease = catalog.acquire("dc1", run, current_owner({}), NOW)
    assert catalog.unlock("dc1", ELSEWHERE, NOW) == f"{current_owner({})}, run {run}"
    for refused in (lambda: catalog.check(lease), lambda: catalog.renew(lease, NOW)):
        with pytest.raises(FencedError, match="was taken away"):
            refused()
    catalog.release(lease)
    other = catalog.begin_run("apply", current_owner({}), NOW, None).number
    taken = catalog.acquire("dc1", other, current_owner({}), NOW)
    assert taken.token > lease.token + 1
    assert catalog.runs()[-1].state == "running", "the holder says itself how its run ended"
    (entry,) = [row for row in catalog.records() if row.kind == "unlocked"]
    assert entry.run == run
    assert (entry.body["backend"], entry.body["user"]) == ("dc1", "ada")


def test_what_nobody_holds_is_not_unlocked(catalog: Catalog) -> None:
    assert catalog.unlock("dc1", ELSEWHERE, NOW) is None
    run = catalog.begin_run("apply", current_owner({}), NOW, None).number
    catalog.release(catalog.acquire("dc1", run, current_owner({}), NOW))
    assert catalog.unlock("dc1", ELSEWHERE, NOW) is None
    assert "unlocked" not in {row.kind for row in catalog.records()}
