"""What became of each action so far, and what that means for those that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.applier.order import set_of
from snapplan.applier.report import ActionResult, State, subject
from snapplan.models.plan import Verb
from snapplan.models.request import ChangeRequest, ExpireRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot

INTERRUPTED = "interrupted before it was begun"


class Board:
    """The results of one apply, by action number. Used by the scheduling thread only."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = {action.number: action for action in actions}
        self.results: dict[int, ActionResult] = {}
        self.interrupted = False
        self._suspicious: dict[tuple[str, str], str] = {}

    def settle(self, results: Iterable[ActionResult]) -> None:
        """Record results."""
        for result in results:
            self.results[result.action.number] = result
            taken = result.snapshot
            if _tells_of_content(result.action) and taken is not None and taken.suspicion:
                self._suspicious[taken.backend, taken.target_id] = taken.suspicion

    def waiting(self, action: Action) -> bool:
        """Whether something that ``action`` waits for is not settled yet."""
        return any(number in self._actions and number not in self.results for number in action.after)

    def obstacle(self, action: Action) -> str | None:
        """Return why ``action`` must not be tried, or ``None`` when all that it waits for was done."""
        for number in action.after:
            needed = self._actions.get(number)
            if needed is None:
                return f"it needs action {number}, which is not part of this plan"
            result = self.results.get(number)
            if result is None:
                return f"it needs {described(needed)}, which is to be carried out later"
            if result.state is not State.DONE:
                return f"it needs {described(needed)}, which {_ENDED[result.state]}"
            if _is_worth_less(result.snapshot, action):
                return f"it needs {described(needed)}, which is no sound one: {_flaw(result)}"
        return self._suspicion(action)

    def _suspicion(self, action: Action) -> str | None:
        """Return why nothing may expire of the target of ``action``: this run found its content gone."""
        request = action.request
        if not self._suspicious or not isinstance(request, (ExpireRequest, ChangeRequest)) or action.reversible:
            return None
        snapshot = request.snapshot
        if snapshot.completed_at is None:
            return None
        suspicion = self._suspicious.get((snapshot.backend, snapshot.target_id))
        return None if suspicion is None else f"the snapshot that this run took is suspicious: {suspicion}"

    def triable(self, actions: Iterable[Action]) -> tuple[list[Action], list[ActionResult]]:
        """Split the actions of one call into those to carry out and the results of the others; sets stay whole."""
        obstacles = {action.number: (action, self.obstacle(action)) for action in actions}
        hindered = {set_of(action): subject(action) for action, obstacle in obstacles.values() if obstacle is not None}
        todo: list[Action] = []
        left: list[ActionResult] = []
        for action, obstacle in obstacles.values():
            name = set_of(action)
            if obstacle is None and name is not None and name in hindered:
                obstacle = f"its set {name!r} cannot be whole: {hindered[name]} cannot be taken"
            if obstacle is None:
                todo.append(action)
            else:
                left.append(ActionResult(action, State.NOT_TRIED, obstacle))
        return todo, left


def _tells_of_content(action: Action) -> bool:
    """Whether what an action takes shows what its target holds from now on; a safety snapshot shows what is replaced."""
    return action.verb is Verb.SNAPSHOT and not any(reason.code == "safety" for reason in action.reasons)


def _is_worth_less(made: Snapshot | None, action: Action) -> bool:
    """Whether an expiry waits for a snapshot that turned out to be less than the one that expires."""
    if made is None or not isinstance(action.request, ExpireRequest):
        return False
    lost, found = action.request.snapshot.standing, made.standing
    return (lost.holds and not found.holds) or (lost.latest and not found.latest)


def _flaw(result: ActionResult) -> str:
    return result.snapshot.flaw if result.snapshot is not None else ""


FOLD = 3
"""So many actions of which the same is said get a sentence each."""
_ENDED = {State.FAILED: "failed", State.NOT_TRIED: "was not tried", State.SKIPPED: "was skipped"}


def described(action: Action) -> str:
    """Return an action in a few words, such as ``snapshot dc1/vm/web-01@gold.daily.20261122T0200Z``."""
    return f"{action.verb} {subject(action)}"


def told(pairs: Iterable[tuple[Action, str]]) -> list[str]:
    """Return sentences about actions, each given as what is said of it; many of which the same is said are one sentence."""
    groups: dict[tuple[str, str], list[Action]] = {}
    for action, text in pairs:
        groups.setdefault((action.verb.value, text), []).append(action)
    sentences = []
    for (_, text), actions in groups.items():
        if len(actions) <= FOLD:
            sentences += [f"{described(action)} {text}" for action in actions]
        else:
            sentences.append(f"{described(actions[0])} {text}; the same for {len(actions) - 1:,} more")
    return sentences


def not_tried(actions: Iterable[Action], reason: str) -> list[ActionResult]:
    """Return results for actions that were not tried, all for the same reason."""
    return [ActionResult(action, State.NOT_TRIED, reason) for action in actions]
