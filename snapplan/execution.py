"""One apply, from the leases to the record: plan again, hold it against what was approved, carry it out."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan import clock, crash
from snapplan.collector import collection_paused
from snapplan.errors import LockedError, PlanStaleError, StoreLockedError
from snapplan.ids import parse_instant
from snapplan.models.order import Focus
from snapplan.models.plan import PolicyRevision
from snapplan.origin import OLDER_CODE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from snapplan.applier.consent import Terms
    from snapplan.applier.observer import Observer
    from snapplan.applier.recover import Recovery
    from snapplan.applier.report import Report
    from snapplan.applier.unneeded import Absent
    from snapplan.catalog.base import Acceptance, Lease, Owner, Run
    from snapplan.diagnostics import Diagnostic
    from snapplan.drivers.base import Driver
    from snapplan.models.order import Orders
    from snapplan.models.plan import Plan
    from snapplan.models.request import Mandate
    from snapplan.models.world import CatalogState, World
    from snapplan.workspace import Workspace

INVENTORY, CLOCK = "inventory", "clock"


def settle(
    workspace: Workspace, observer: Observer, lock_timeout: timedelta, stop: threading.Event, mandate: Mandate
) -> None:
    """Put right under the leases what dead runs left, as a run of its own; see ``Workspace.settle``."""
    from snapplan.applier.lease import Patience, held
    from snapplan.catalog.owner import current_owner

    catalog, owner = workspace.catalog, current_owner()
    patience = Patience(lock_timeout, stop.wait)
    run = catalog.begin_run("recover", owner, clock.now(), workspace.policy.commit)
    state, notices = "failed", []
    try:
        drivers = workspace.reachable(("*",))
        with (
            held(catalog, drivers, run, owner, timeout=lock_timeout, now=clock.now, wait=patience.wait) as leases,
            workspace.permits.granted(f"recovery, run {run.id}", leases, patience),
        ):
            recovery = workspace.recover(drivers, run, leases, mandate)
            refuse_locked(recovery, drivers)
            notices = recovery.texts
            for text in notices:
                observer.notice(text)
        state = "partial" if recovery.attention or recovery.failed else "done"
    except LockedError:
        if stop.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        catalog.end_run(run.number, state, clock.now(), confirm=None, notices=notices)


def adopt_store(workspace: Workspace, backend: str, old: str, lock_timeout: timedelta, stop: threading.Event) -> int:
    """Take over under the lease, as a run of its own, what was made in the store ``old``; return how many snapshots.

    Raises ``BackendError``, ``LockedError``, ``KeyboardInterrupt`` when it was stopped while it waited.
    """
    from snapplan.applier.lease import held
    from snapplan.catalog.owner import current_owner

    catalog, owner = workspace.catalog, current_owner()
    run = catalog.begin_run("adopt", owner, clock.now(), workspace.policy.commit)
    state, notices = "failed", []
    try:
        with held(catalog, [backend], run, owner, timeout=lock_timeout, now=clock.now, wait=stop.wait) as leases:
            catalog.check(leases[backend])
            count = workspace.take_over(backend, old)
        state, notices = "done", [f"{count} snapshots of {backend} were taken over from the store {old}"]
        return count
    except LockedError:
        if stop.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        catalog.end_run(run.number, state, clock.now(), confirm=None, notices=notices)


def refuse_locked(recovery: Recovery, drivers: Collection[str]) -> None:
    """Raise ``LockedError`` where other processes write to the stores of all backends, so that nothing can be done."""
    locked = [error for error in recovery.failed.values() if isinstance(error, StoreLockedError)]
    if locked and len(locked) == len(drivers):
        raise LockedError(locked[0].backend, locked[0].holder, hint=locked[0].hint) from locked[0]


class Execution(NamedTuple):
    """What one apply is about: the repository, what is wanted, what was approved on which terms, and who hears of it."""

    workspace: Workspace
    orders: Orders | None
    focus: Focus
    approved: Mapping[str, Any] | None
    terms: Terms
    observer: Observer
    stop: threading.Event | None

    def carry_out(self, command: str, lock_timeout: timedelta) -> tuple[Plan, Report]:
        """Do it, and return what was to be done and what became of it; see ``Workspace.apply``."""
        from snapplan.catalog.owner import current_owner

        catalog, owner = self.workspace.catalog, current_owner()
        run = catalog.begin_run(command, owner, clock.now(), self.workspace.policy.commit)
        state, confirm = "failed", None
        notices: list[str] = []
        try:
            plan, report, world = self._under_leases(run, owner, lock_timeout, notices)
            notices += report.notices
            state, confirm = report.state, self._acceptance(plan, world, report)
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            catalog.end_run(run.number, state, clock.now(), confirm=confirm, notices=notices)
        return plan, report

    def _under_leases(
        self, run: Run, owner: Owner, lock_timeout: timedelta, notices: list[str]
    ) -> tuple[Plan, Report, World]:
        """Do it under the leases, and add to ``notices`` what was put right before, however this ends."""
        from snapplan.applier.lease import Patience, held

        stop, catalog = self.stop or threading.Event(), self.workspace.catalog
        self.refuse_outdated()
        drivers = self.workspace.reachable(self.limits.backends)
        begun = False
        # One for both: the leases come first, then the backends' own locks.
        patience = Patience(lock_timeout, stop.wait)
        try:
            with (
                held(catalog, drivers, run, owner, timeout=lock_timeout, now=clock.now, wait=patience.wait) as leases,
                self.workspace.permits.granted(f"run {run.id}", leases, patience),
            ):
                begun = True
                recovery = self.workspace.recover(drivers, run, leases, self.terms.mandate)
                refuse_locked(recovery, drivers)
                notices += recovery.texts
                for text in recovery.texts:
                    self.observer.notice(text)
                plan, absent, world = self._decide(run)
                report = self._apply(plan, absent, run, drivers, leases, stop)
                return plan, replace(report, attention=tuple(recovery.attention)), world
        except LockedError:
            if stop.is_set() and not begun:
                raise KeyboardInterrupt from None
            raise

    @property
    def limits(self) -> Focus:
        """Return what is planned again: what the saved plan was limited to, as everything else is not approved."""
        if self.approved is None or not self._kept:
            return self.focus
        return Focus(tuple(self.approved["target_globs"]), tuple(self.approved["backend_globs"]))

    @property
    def _kept(self) -> bool:
        """Whether what is approved was made before this command."""
        return self.terms.saved or self.terms.resumes is not None

    def refuse_outdated(self) -> None:
        """Raise ``PlanStaleError`` for what can be said before any backend is touched."""
        from snapplan.applier.stale import Standing, outdated, refusal
        from snapplan.planner.policy_digest import policy_digest

        workspace, state = self.workspace, self.workspace.catalog.state()
        policy = workspace.policy
        found: list[Diagnostic] = []
        if not self.orders and OLDER_CODE not in self.terms.allowed:
            stale = workspace.stale_checkout(state.commit)
            if stale is not None and stale.code == OLDER_CODE:
                found.append(refusal(OLDER_CODE, stale.summary, stale.detail, stale.hint))
        if self._kept and self.approved is not None:
            revision = PolicyRevision(policy.commit, policy.dirty, policy_digest(policy), policy.config.project)
            in_memory = workspace.catalog.url == "memory:"
            standing = Standing(
                revision,
                state.id,
                clock.now(),
                policy.config.max_plan_age,
                in_memory,
                older=self._older(state),
                fresh=workspace.knows_nothing(state),
            )
            found += [one for one in outdated(self.approved, standing) if one.code not in {f.code for f in found}]
        self._refuse(found)

    def _older(self, state: CatalogState) -> str | None:
        """Return the commit last applied where the saved plan's own is older and that is not allowed."""
        commit = self.approved["policy"]["commit"] if self.approved is not None else None
        if commit is None or OLDER_CODE in self.terms.allowed:
            return None
        stale = self.workspace.stale_checkout(state.commit, commit)
        return state.commit if stale is not None and stale.code == OLDER_CODE else None

    def _refuse(self, findings: list[Diagnostic]) -> None:
        from snapplan.applier.stale import meanwhile

        if findings:
            since = parse_instant(self.approved["as_of"]) if self._kept and self.approved is not None else None
            said = meanwhile(self.workspace.catalog.runs(20), since) if since is not None else ""
            raise PlanStaleError(findings=findings, hint=said)

    def _decide(self, run: Run) -> tuple[Plan, tuple[Absent, ...], World]:
        """Read the world, decide what may be carried out, record that, and say what is left out and skipped."""
        now = clock.now()
        with collection_paused():
            world = self.workspace.observe(now, backends=self.limits.backends, run=run)
            self._refuse_rebuilt(world.catalog)
            current = self._planned(world, now)
            doing, said, absent = self.decide(world, now, current)
        self._approve(run, doing)
        self._record_blocked(current, now)
        for text in said:
            self.observer.notice(text)
        return doing, absent, world

    def _planned(self, world: World, now: datetime) -> Plan:
        return self.workspace.plan_of(world, now, orders=self.orders, focus=self.limits, allowed=self.terms.allowed)

    def _record_blocked(self, current: Plan, now: datetime) -> None:
        """Record what guards stop, so that it stays stopped; what is planned no more is forgotten, as far as all was."""
        from snapplan.planner.guards.sticky import stopped, with_clock

        if self.orders:
            return
        in_doubt = any(
            guard.name == CLOCK and guard.backend is None and guard.state == "blocked" for guard in current.guards
        )
        whole = self.limits == Focus() and not in_doubt
        read = {backend.name for backend in current.backends if backend.error is None} if whole else set()
        blocked = set(stopped(current.actions, current.guards))
        known = self.workspace.catalog.state().blocked
        if blocked or known:
            self.workspace.catalog.record_blocked(blocked, with_clock(read) if whole else read, now)

    def _refuse_rebuilt(self, state: CatalogState) -> None:
        """A plan that was made without a catalog is not for one that was lost and is rebuilt now."""
        if self._kept and self.approved is not None and not self.approved["catalog"]["id"] and state.rebuilt:
            from snapplan.applier.stale import refusal

            self._refuse([refusal("SP503", "the catalog was rebuilt since the plan was made")])

    def decide(
        self, world: World, now: datetime, current: Plan | None = None
    ) -> tuple[Plan, list[str], tuple[Absent, ...]]:
        """Plan ``world`` again; return what may be carried out, sentences about the rest, and what else was approved.

        Changes nothing. Raises ``PlanStaleError`` where what was approved must not be carried out any more.
        """
        from snapplan.applier.approve import read_actions
        from snapplan.applier.board import told
        from snapplan.applier.consent import chosen, consented
        from snapplan.applier.verify import verify

        terms = self.terms
        current = current or self._planned(world, now)
        wanted, left = chosen(current, terms)
        doing, said = consented(wanted, terms)
        if self.approved is None or self._kept:
            said = [*left, *said]  # whoever was shown the plan was shown it without that
        if self.approved is None:
            return doing, said, ()
        approved = [action for action in read_actions(self.approved) if terms.wants(action)]
        identities = {backend["name"]: backend["identity"] for backend in self.approved["backends"]}
        verified = verify(approved, identities, current, doing, world, allowed=terms.allowed)
        self._refuse(list(verified.refusals))
        skipped = told((one.action, f"is skipped: {one.text}") for one in verified.skipped)
        return verified.plan, [*said, *skipped, *verified.left], verified.skipped

    def _approve(self, run: Run, doing: Plan) -> None:
        """Record what the run may do, before anything is done; a saved plan is used with it."""
        from snapplan.applier.stale import refusal
        from snapplan.catalog.base import Approval
        from snapplan.plan_file import sealed

        terms = self.terms
        document = self.approved if self._kept and self.approved is not None else None
        if document is None:
            document = sealed(doing.document(), secrets.token_hex(16))
        approval = Approval(document, terms.saved, terms.resumes, tuple(terms.allowed), terms.reason)
        crash.point("apply.approve.before")
        try:
            self.workspace.catalog.approve_run(run.number, approval, clock.now())
        except PlanStaleError as error:
            self._refuse([refusal("SP504", str(error), hint=error.hint)])
        crash.point("apply.approve.after")

    def _apply(
        self,
        plan: Plan,
        absent: Sequence[Absent],
        run: Run,
        drivers: Mapping[str, Driver],
        leases: Mapping[str, Lease],
        stop: threading.Event,
    ) -> Report:
        from snapplan.applier.run import apply
        from snapplan.applier.unneeded import given_up

        report = apply(
            plan,
            catalog=self.workspace.catalog,
            drivers=drivers,
            leases=leases,
            run=run,
            project=self.workspace.policy.config.project,
            observer=self.observer,
            now=clock.now,
            stop=stop.is_set,
            given_up=given_up(absent, plan.actions),
        )
        return replace(report, run=run.number)

    def _acceptance(self, plan: Plan, world: World, report: Report) -> Acceptance | None:
        """Return what the run confirms: nothing while the clock's guard stops it.

        What was ordered on the command line confirms the time only. Looser guards count once a run was not stopped by the
        stricter ones, so that loosening them and doing what they forbid takes two steps that somebody sees.
        """
        from snapplan.catalog.base import Acceptance

        blocked = [guard for guard in plan.guards if guard.state == "blocked"]
        if any(guard.name == CLOCK and guard.backend is None for guard in blocked):
            return None
        before = world.catalog
        identities = self._identities(world, report)
        if self.orders:
            return Acceptance(before.guards, frozenset(), before.commit, identities)
        policy = self.workspace.policy
        tripped = any(guard.state != "ok" for guard in plan.guards)
        guards = before.guards if tripped and before.guards else policy.config.guards.model_dump(mode="json")
        stopped = {guard.backend for guard in blocked if guard.name in (INVENTORY, CLOCK)}
        answered = {backend.name for backend in plan.backends if backend.error is None}
        # What git could not read once is not forgotten; who leaves git for good has allowed that.
        commit = policy.commit or (before.commit if self.workspace.origin.unreadable else None)
        return Acceptance(guards, frozenset(answered - stopped), commit, identities)

    @staticmethod
    def _identities(world: World, report: Report) -> dict[str, str]:
        """Return the ids of the backends that were read; of one whose store this run made, the id that its marks name."""
        made = {
            one.snapshot.backend: one.snapshot.mark.store
            for one in report.results
            if one.snapshot is not None and one.snapshot.mark is not None and one.snapshot.mark.store
        }
        read = {
            name: state.identity for name, state in world.backends.items() if state.error is None and state.identity
        }
        return {**made, **read}
