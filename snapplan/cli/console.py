"""Where output goes: results to stdout, everything else to stderr, questions only to a terminal."""

from __future__ import annotations

import os
import sys

import click

from snapplan.redaction import redact
from snapplan.render.style import Style, style_for


def result(text: str) -> None:
    """Write a result to stdout, without secrets."""
    sys.stdout.write(redact(text))
    sys.stdout.flush()


def notice(text: str) -> None:
    """Write one line for the person at the terminal, or for a log, to stderr."""
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
