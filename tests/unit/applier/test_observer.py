from __future__ import annotations

import dataclasses
import io

from snapplan.applier.observer import PlainObserver, ProgressObserver
from snapplan.applier.report import ActionResult, State
from snapplan.models.target import Quiesce

from .lab import NOW, assign, change, expire, memory, plan, profile, restore, scheduled, taken, triple


def said(*results: ActionResult) -> str:
    stream = io.StringIO()
    observer = PlainObserver(stream)
    observer.planned([result.action for result in results])
    for result in results:
        observer.started(result.action)
        observer.finished(result.action, result)
    return stream.getvalue()


def test_one_line_for_each_action_that_has_ended_in_the_verbs_own_symbol():
    world, _ = memory()
    snapshot = taken(world)
    actions = [
        scheduled(1),
        change(2, snapshot, NOW),
        expire(3, snapshot),
        restore(4, snapshot),
        profile(5),
        assign(6, triple()),
    ]
    results = [ActionResult(action, State.DONE, seconds=action.number + 0.14) for action in actions]
    assert said(*results).splitlines() == [
        "  1/6 + lab/vm/a@gold.daily.20261122T0200Z     1.1 s",
        "  2/6 ~ lab/vm/a@gold.daily.20261121T0200Z     2.1 s",
        "  3/6 - lab/vm/a@gold.daily.20261121T0200Z     3.1 s",
        "  4/6 < lab/vm/a                               4.1 s",
        "  5/6 = gold                                   5.1 s",
        "  6/6 = lab/vm/a gold                          6.1 s",
    ]


def test_failures_and_what_was_not_tried_give_their_reason():
    failed = ActionResult(scheduled(1), State.FAILED, "agent timeout", 30.04)
    left = ActionResult(scheduled(2, "b"), State.NOT_TRIED, "it needs another")
    assert said(failed, left).splitlines() == [
        "  1/2 + lab/vm/a@gold.daily.20261122T0200Z  FAILED after 30.0 s",
        "        agent timeout",
        "  2/2 + lab/vm/b@gold.daily.20261122T0200Z  not tried: it needs another",
    ]


def test_it_is_said_whether_a_snapshot_was_quiesced_as_asked():
    world, _ = memory()
    snapshot = taken(world)

    def line(wanted: Quiesce, got: bool | None) -> str:
        action = scheduled(1)
        action = dataclasses.replace(action, request=action.request._replace(quiesce=wanted))
        return said(ActionResult(action, State.DONE, snapshot=snapshot._replace(quiesced=got))).split("s  ")[-1].strip()

    assert line(Quiesce.PREFER, True) == "quiesced"
    assert line(Quiesce.PREFER, False) == "UNQUIESCED"
    assert line(Quiesce.NEVER, False).endswith("0.0 s")


def test_notices_stand_below_their_action():
    text = said(ActionResult(scheduled(1), State.DONE, notices=("3 files changed while they were copied",)))
    assert text.splitlines()[1].strip() == "3 files changed while they were copied"


def test_a_hostile_name_does_not_steer_the_terminal():
    text = said(ActionResult(scheduled(1, "a\x1b[2J\nb"), State.FAILED, "no\x07"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\\x1b[2J\\nb" in text


def test_a_reader_that_is_gone_is_no_failure():
    stream = io.StringIO()
    observer = PlainObserver(stream)
    observer.planned([scheduled(1)])
    stream.close()
    observer.finished(scheduled(1), ActionResult(scheduled(1), State.DONE))


def test_progress_bars_count_by_backend_and_print_only_what_went_wrong():
    stream = io.StringIO()
    actions = [scheduled(1), scheduled(2, "b"), scheduled(3, "a", "nas"), profile(4)]
    with ProgressObserver(stream) as observer:
        observer.planned(plan(*actions).actions)
        for action in actions:
            observer.started(action)
        observer.finished(actions[0], ActionResult(actions[0], State.DONE))
        observer.finished(actions[1], ActionResult(actions[1], State.FAILED, "[bold]disk full[/]"))
        observer.finished(actions[2], ActionResult(actions[2], State.DONE))
        observer.finished(actions[3], ActionResult(actions[3], State.DONE))
    text = stream.getvalue()
    assert "[bold]disk full[/]" in text
    for bar in ("catalog", "lab", "nas"):
        assert bar in text
    assert "2/2" in text
    assert text.count("1/1") == 2


def test_what_comes_on_top_of_what_was_approved_is_counted_too():
    stream = io.StringIO()
    observer = PlainObserver(stream)
    observer.planned([scheduled(1)])
    for action in (scheduled(1), scheduled(2, "b")):
        observer.finished(action, ActionResult(action, State.DONE))
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["1/1", "2/2"]


def test_a_bar_grows_with_what_comes_on_top_and_a_backend_gets_one_when_it_is_needed():
    stream = io.StringIO()
    with ProgressObserver(stream) as observer:
        observer.planned([scheduled(1)])
        for action in (scheduled(1), scheduled(2, "b"), scheduled(3, "a", "nas")):
            observer.started(action)
            observer.finished(action, ActionResult(action, State.DONE))
    assert "2/2" in stream.getvalue()
    assert "nas" in stream.getvalue()
