"""A plan document as Markdown for a pull request. Names come from strangers, so every one is made harmless."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from snapplan.render.guards import goes_on, is_blocked, told
from snapplan.render.phrases import counted, due_phrase, moment, policy_name, shown, summary_sentence
from snapplan.render.rows import groups
from snapplan.render.text import nothing_to_do

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

_MARKUP = re.compile(r"[&<>`|*\[\]\\~^$!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)//|(?<=www)\.")
_TRIGGER = re.compile(r"(?<![A-Za-z0-9])[@#](?=\S)")
_SPECIAL = re.compile(f"(?P<trigger>{_TRIGGER.pattern})|{_MARKUP.pattern}")


def plan_markdown(document: Mapping[str, Any], *, full: bool = False) -> str:
    """Return a plan document as Markdown, ending with a newline; only groups that need no look are folded away."""
    listed = groups(document, full=full)
    in_sight = [group for group in listed if group.lasting or group.attention]
    folded = [group for group in listed if group not in in_sight]
    text: str = _template().render(
        document=document,
        open_groups=in_sight,
        folded_groups=folded,
        folded_title=", ".join(f"{group.actions} to {group.verb}" for group in folded),
        summary=summary_sentence(document["summary"]),
        blocked=is_blocked(document),
        guards=told(document, command="snapplan apply", full=full),
        rest=goes_on(document, "snapplan apply"),
        nothing=nothing_to_do(document),
        due=due_phrase(document),
        policy=policy_name(document),
    )
    return text


def prose(value: object) -> str:
    """Return ``value`` as Markdown text that is only text: no markup, HTML, table cell, link, mention or reference."""
    return _SPECIAL.sub(lambda match: f"{match[0]}&#8203;" if match["trigger"] else _entities(match[0]), shown(value))


def code(value: object) -> str:
    """Return ``value`` as code. The HTML element, since a code span cannot hold backticks and bars in a table safely."""
    escaped = _MARKUP.sub(lambda match: _entities(match[0]), shown(value))
    return f"<code>{escaped}</code>" if escaped else ""


def _entities(text: str) -> str:
    return "".join(f"&#{ord(c)};" for c in text)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # No autoescape: this is Markdown, and each value goes through prose or code.
    environment = Environment(
        loader=PackageLoader("snapplan.render"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(prose=prose, code=code, moment=moment, counted=counted)
    return environment.get_template("plan.md.j2")
