from __future__ import annotations

import signal
import threading

import pytest

from snapplan.cli.interrupts import SIGNALS, stopping


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_interrupt_asks_to_stop_and_the_second_stops(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt), stopping() as stop:  # noqa: PT012
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
        assert "finishing what is under way" in capsys.readouterr().err
        signal.raise_signal(number)


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stopping():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stopping() as stop:
            signal.raise_signal(number)
            signal.raise_signal(number)
            assert not stop.is_set()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_another_thread_gets_an_event_and_no_handlers() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with stopping() as stop:
            seen.extend([stop.is_set(), signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]
