"""Applies a plan: what protects first, what ends protection last, all backends side by side in between."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING

from snapplan import crash
from snapplan.applier.answers import sentence
from snapplan.applier.board import INTERRUPTED, Board, not_tried
from snapplan.applier.call import carry_out
from snapplan.applier.order import CATALOG_VERBS, Phase, calls, phases, verify
from snapplan.applier.platform import on_platform, set_on_platform
from snapplan.applier.report import ActionResult, Report, State
from snapplan.applier.schedule import run_lanes
from snapplan.applier.site import Site
from snapplan.clock import monotonic
from snapplan.errors import FencedError, RequestBudgetError, UnreachableError
from snapplan.models.plan import Verb
from snapplan.models.request import AssignRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from snapplan.applier.observer import Observer
    from snapplan.applier.order import Call
    from snapplan.catalog.base import Catalog, Lease, Run
    from snapplan.drivers.base import Driver
    from snapplan.models.plan import Action, Missed, Plan
    from snapplan.models.request import ProfileRequest


def never() -> bool:
    """Nobody asks the apply to stop."""
    return False


def apply(
    plan: Plan,
    *,
    catalog: Catalog,
    drivers: Mapping[str, Driver],
    leases: Mapping[str, Lease],
    run: Run,
    project: str,
    observer: Observer,
    now: Callable[[], datetime],
    stop: Callable[[], bool] = never,
    given_up: Sequence[ActionResult] = (),
) -> Report:
    """Carry out ``plan`` and return what became of each action.

    ``drivers`` and ``leases`` are by backend; what is planned for a backend without both is not tried. Once ``stop``
    returns true, the calls under way are finished and nothing more is begun. ``given_up`` is what was approved and is not
    in ``plan``: it goes into the journal and the report. What a backend or the catalog cannot do is in the report; raises
    ``ValueError``, before anything is done, for a plan that no planner of ``project`` would make.
    """
    verify(plan, project)
    observer.planned(plan.actions)
    began = monotonic()
    site = Site(catalog, drivers, leases, run, _InTurn(observer), now)
    board = Board(plan.actions)
    by_phase = dict(phases(plan))
    _record_all(by_phase.get(Phase.PROTECT, ()), site, board, stop)
    notices = _record_settled(plan.settled, site, stop) + _record_missed(plan.missed, site, stop)
    _leave_out(plan.actions, site, board)
    run_lanes(
        _lanes(by_phase, site, board),
        {backend: driver.capabilities.parallel for backend, driver in drivers.items()},
        board,
        partial(carry_out, site),
        stop,
        lambda result: site.observer.finished(result.action, result),
    )
    _record_all(by_phase.get(Phase.END, ()), site, board, stop)
    results = (*(board.results[number] for number in sorted(board.results)), *given_up)
    notices += _journal_undone(results, site)
    return Report(results, monotonic() - began, board.interrupted, notices, run.number)


def _lanes(by_phase: Mapping[Phase, Sequence[Action]], site: Site, board: Board) -> dict[str, list[Call]]:
    """Return the calls of each backend, in order, without the actions that are settled already."""
    lanes: dict[str, list[Call]] = {}
    for phase, actions in by_phase.items():
        theirs: dict[str, list[Action]] = {}
        for action in actions:
            if action.backend is not None and action.verb not in CATALOG_VERBS and action.number not in board.results:
                theirs.setdefault(action.backend, []).append(action)
        for backend, some in theirs.items():
            batch = site.drivers[backend].capabilities.batch
            lanes.setdefault(backend, []).extend(calls(backend, phase, some, batch=batch))
    return lanes


def _leave_out(actions: Sequence[Action], site: Site, board: Board) -> None:
    """Settle what is planned for backends that are not there or not ours."""
    for action in actions:
        backend = action.backend
        if action.verb in CATALOG_VERBS or (backend in site.drivers and backend in site.leases):
            continue
        reason = (
            f"backend {backend!r} was left out" if backend not in site.drivers else f"no lease of backend {backend!r}"
        )
        _settle(not_tried([action], reason), site, board)


def _record_all(actions: Sequence[Action], site: Site, board: Board, stop: Callable[[], bool]) -> None:
    """Carry out profile and assign actions, one after another: on the platform that has them, and in the catalog."""
    down: dict[str | None, str] = {}
    for action in actions:
        obstacle = board.obstacle(action) or _unreachable(action, site)
        if obstacle is None and on_platform(action):
            obstacle = down.get(action.backend)
        if obstacle is None and stop():
            board.interrupted = True
            obstacle = INTERRUPTED
        if obstacle is not None:
            _settle(not_tried([action], obstacle), site, board)
            continue
        result = _recorded(action, site)
        if isinstance(result.error, (UnreachableError, RequestBudgetError)):
            down[action.backend] = result.text
        _settle([result], site, board)


def _unreachable(action: Action, site: Site) -> str | None:
    if not on_platform(action) or (action.backend in site.drivers and action.backend in site.leases):
        return None
    return f"backend {action.backend!r} was left out"


def _recorded(action: Action, site: Site) -> ActionResult:
    """Carry out one profile or assignment under the leases of the backends that it is about."""
    request, run, began = action.request, site.run.number, monotonic()
    site.observer.started(action)
    notices: tuple[str, ...] = ()
    try:
        crash.point("apply.intent.before")
        site.catalog.intent(run, action, site.now())
        crash.point("apply.intent.after")
        for backend in _concerned(action, site):
            site.catalog.check(site.leases[backend])
        if on_platform(action):
            notices = set_on_platform(site, action)
        if action.verb is Verb.ASSIGN:
            site.catalog.track(run, request.added, request.ended, request.assignment, site.now(), request.named)
        elif request.recorded:
            site.catalog.apply_profile(run, request.name, request.document, site.now())
        crash.point("apply.result.before")
        site.catalog.result(run, action, State.DONE.value, "", site.now(), None, notices)
        crash.point("apply.result.after")
    except FencedError as error:
        return ActionResult(action, State.NOT_TRIED, f"a lease was lost: {error}", error=error)
    except RequestBudgetError as error:
        return ActionResult(action, State.NOT_TRIED, sentence(error), error=error)
    except Exception as error:
        return _failed(site, action, error, monotonic() - began)
    return ActionResult(action, State.DONE, "", monotonic() - began, notices)


def _failed(site: Site, action: Action, error: Exception, seconds: float) -> ActionResult:
    """Return the failure, in the journal too where that can be written: what was tried on a platform is for the record."""
    text = sentence(error)
    if on_platform(action):
        with contextlib.suppress(Exception):
            site.catalog.result(site.run.number, action, State.FAILED.value, text, site.now(), None)
    return ActionResult(action, State.FAILED, text, seconds, error=error)


def _concerned(action: Action, site: Site) -> list[str]:
    """Return the backends whose leases a record needs: an assignment's or platform's, or all of them for a profile."""
    if action.backend is not None and on_platform(action):
        return [action.backend]
    if action.verb is Verb.PROFILE:
        return sorted(site.leases)
    triples = (*action.request.added, *action.request.ended)
    return sorted({triple.backend for triple in triples} & site.leases.keys())


def _record_settled(
    settled: Sequence[ProfileRequest | AssignRequest], site: Site, stop: Callable[[], bool]
) -> tuple[str, ...]:
    """Record what platforms have as the policy wants it; what cannot be recorded now the next plan finds again."""
    if not settled or stop():
        return ()
    try:
        for request in settled:
            if isinstance(request, AssignRequest):
                backends = {about[0] for about in (*request.added, *request.ended, *request.named)}
                if not backends <= site.leases.keys():
                    continue
                for backend in sorted(backends):
                    site.catalog.check(site.leases[backend])
                site.catalog.track(
                    site.run.number, request.added, request.ended, request.assignment, site.now(), request.named
                )
            else:
                site.catalog.apply_profile(site.run.number, request.name, request.document, site.now())
    except Exception as error:
        return (f"what the platform schedules was not recorded: {sentence(error)}",)
    return ()


def _record_missed(missed: Sequence[Missed], site: Site, stop: Callable[[], bool]) -> tuple[str, ...]:
    """Record the missed slots of the backends that are ours; what cannot be recorded now the next plan finds again."""
    slots = [
        (slot.triple, slot.slot)
        for slot in missed
        if slot.triple is not None and slot.triple.backend in site.leases and slot.triple.backend in site.drivers
    ]
    if not slots or stop():
        return ()
    try:
        for backend in sorted({triple.backend for triple, _ in slots}):
            site.catalog.check(site.leases[backend])
        site.catalog.record_missed(slots, site.now())
    except Exception as error:
        return (f"missed slots were not recorded: {sentence(error)}",)
    return ()


def _settle(results: Sequence[ActionResult], site: Site, board: Board) -> None:
    board.settle(results)
    for result in results:
        site.observer.finished(result.action, result)


def _journal_undone(results: Sequence[ActionResult], site: Site) -> tuple[str, ...]:
    """Complete the journal with what was not tried or skipped; it is for people, so a failure is only a notice."""
    try:
        for result in results:
            if result.state in (State.NOT_TRIED, State.SKIPPED):
                site.catalog.result(site.run.number, result.action, result.state.value, result.text, site.now(), None)
    except Exception as error:
        return (f"the journal lacks what was not tried: {sentence(error)}",)
    return ()


class _InTurn:
    """Lets an observer hear of one thing at a time, though calls end in many threads."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._lock = threading.Lock()

    def planned(self, actions: Sequence[Action]) -> None:
        with self._lock:
            self._observer.planned(actions)

    def started(self, action: Action) -> None:
        with self._lock:
            self._observer.started(action)

    def finished(self, action: Action, result: ActionResult) -> None:
        with self._lock:
            self._observer.finished(action, result)

    def notice(self, text: str) -> None:
        with self._lock:
            self._observer.notice(text)
