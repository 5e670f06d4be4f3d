"""Applies that another one or a signal stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Ran

APPLY = [sys.executable, "-m", "snapplan", "apply", "--auto-approve"]


def test_a_backend_that_somebody_else_changes_ends_with_6_and_names_the_holder(
    run: Callable[..., Ran], repository: Path
) -> None:
    assert run("apply", "--auto-approve").code == 0
    catalog = open_catalog("sqlite:///catalog.db", project="cli-tests", base=repository)
    owner = current_owner()
    other = catalog.begin_run("apply", owner, clock.now(), None)
    catalog.acquire("lab", other.number, owner, clock.now())
    for arguments in (
        ("apply", "--auto-approve"),
        ("snapshot", "lab/volume/a", "--expires", "1d"),
        ("restore", "lab/volume/a", "--as", "b", "--auto-approve"),
    ):
        ran = run(*arguments, "--lock-timeout", "0s")
        assert ran.code == 6
        assert f"(pid {os.getpid()}" in ran.err
    catalog.close()


def let_a_freeze_wait(repository: Path) -> Path:
    """Let the hourly snapshot wait for its freeze until somebody opens the pipe that is returned."""
    fifo = repository / "freezing"
    os.mkfifo(fifo)
    config = repository / "snapplan.yaml"
    commands = f"quiesce_commands: {{volume/a: {{freeze: [cat, '{fifo}'], thaw: ['true']}}}}"
    config.write_text(config.read_text().replace("root: lab}", f"root: lab, {commands}}}"))
    policy = repository / "policies" / "gold.yaml"
    periods = (
        "hourly: {frequency: hourly, retention: 24h, quiesce: require}\n      daily: {frequency: daily, retention: 14d}"
    )
    policy.write_text(policy.read_text().replace("hourly: {frequency: hourly, retention: 24h}", periods))
    return fifo


def test_an_interrupt_finishes_what_is_under_way_and_leaves_the_rest(run: Callable[..., Ran], repository: Path) -> None:
    fifo = let_a_freeze_wait(repository)
    process = subprocess.Popen(
        APPLY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with fifo.open("w"):  # returns once the freeze command reads
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = ""
        while "finishing what is under way" not in told:
            told += process.stderr.readline()
    out, _ = process.communicate()
    assert process.returncode == 130
    assert "Interrupted: 1 snapshot taken" in out
    assert "1 not tried" in out
    assert run("list", "snapshots", "--format", "json").out.count('"complete"') == 1


def test_in_the_background_of_a_shell_it_hears_no_interrupt_but_a_request_to_end(
    run: Callable[..., Ran], repository: Path
) -> None:
    fifo = let_a_freeze_wait(repository)
    ignoring = ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *APPLY]
    process = subprocess.Popen(
        ignoring, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with fifo.open("w"):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        told = ""
        while "finishing what is under way" not in told:
            told += process.stderr.readline()
    out, err = process.communicate()
    assert process.returncode == 130
    assert (told + err).count("finishing what is under way") == 1, "the first two were heard"
    assert "1 not tried" in out
