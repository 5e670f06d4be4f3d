"""Where output goes: results to stdout, everything else to stderr, questions only to a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from snapplan.redaction import redact
from snapplan.render.style import Style, style_for


def result(text: str) -> None:
    """Write a result to stdout, without secrets."""
    sys.stdout.write(redact(text))
    sys.stdout.flush()


def told(text: str) -> None:
    """Write what was done, or is about to be without a question, to stdout.

    Where nobody reads any more, that is no failure: protection must not depend on who reads a log.
    """
    try:
        result(text)
    except BrokenPipeError:
        # What is still in the buffer, and what comes, must not fail again when the process ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def notice(text: str) -> None:
    """Write one line for the person at the terminal, or for a log, to stderr, if anybody reads it."""
    if "##" in text:
        from snapplan.render.phrases import without_ci_commands

        text = without_ci_commands(text)
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{redact(text)}\n")
        sys.stderr.flush()


def out_style() -> Style:
    """Return the style for stdout."""
    return style_for(sys.stdout, os.environ)


def err_style() -> Style:
    """Return the style for stderr."""
    return style_for(sys.stderr, os.environ)


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Ask a question that ``yes`` alone answers with yes. Only call this ``at_terminal()``."""
    answer: str = click.prompt(f"{question} Only 'yes' is taken as yes", default="no", show_default=False, err=True)
    return answer.strip() == "yes"


def typed(question: str) -> str:
    """Ask for a text. Only call this ``at_terminal()``."""
    answer: str = click.prompt(question, default="", show_default=False, err=True)
    return answer.strip()
