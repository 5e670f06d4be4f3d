from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from snapplan.render.markdown import code, plan_markdown, prose

PLANS = Path(__file__).parents[2] / "golden" / "plans"
ALLOWED_TAGS = {"code", "br", "details", "summary"}
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline_types(markdown: str) -> set[str]:
    return {child.type for token in PARSER.parse(markdown) for child in token.children or ()}


def tags(markdown: str) -> set[str]:
    tokens = [t for token in PARSER.parse(markdown) for t in (token, *(token.children or ()))]
    markup = "".join(token.content for token in tokens if token.type in ("html_inline", "html_block"))
    return set(re.findall(r"</?\s*([A-Za-z][A-Za-z0-9]*)", re.sub(r"<!--.*?-->", "", markup, flags=re.DOTALL)))


@given(st.text())
@example("![x](http://evil.example/x.png)")
@example("`` ` ``")
@example("a | b")
@example("<script>alert(1)</script>")
@example("*a* _b_ **c** ~~d~~ [e](f) <g@h.i> &lt; \\*")
def test_hostile_text_is_only_text(text: str) -> None:
    row = f"| a | b |\n|---|---|\n| x {prose(text)} | y |\n"
    assert inline_types(row) <= {"text", "text_special"}
    assert sum(token.type == "td_open" for token in PARSER.parse(row)) == 2


@given(st.text(min_size=1))
@example("</code><b>x</b>")
@example("`@team`")
def test_hostile_text_stays_inside_its_code(text: str) -> None:
    row = f"| a | b |\n|---|---|\n| {code(text)} | y |\n"
    assert inline_types(row) <= {"text", "text_special", "html_inline"}
    assert tags(row) == {"code"}
    assert sum(token.type == "td_open" for token in PARSER.parse(row)) == 2


@pytest.mark.parametrize("text", ["@team", "see @team", "(@team)", "#12", "fixes #12"])
def test_nobody_is_mentioned_and_nothing_is_referred_to(text: str) -> None:
    assert not re.search(r"[@#][A-Za-z0-9]", html.unescape(prose(text)))


def test_an_address_stays_readable() -> None:
    assert code("lab/vm/web_01@gold.daily.20261121T0200Z") == "<code>lab/vm/web_01@gold.daily.20261121T0200Z</code>"


@pytest.mark.parametrize("name", sorted(path.stem for path in PLANS.glob("*.json")))
def test_whole_plans_hold_no_markup_but_ours(name: str) -> None:
    markdown = plan_markdown(json.loads((PLANS / f"{name}.json").read_text(encoding="utf-8")))
    assert tags(markdown) <= ALLOWED_TAGS
    assert not inline_types(markdown) & {"image", "link_open", "code_inline", "em_open"}


def test_what_is_final_or_deserves_a_look_is_never_folded_away() -> None:
    document: dict[str, Any] = json.loads((PLANS / "all-verbs.json").read_text(encoding="utf-8"))
    open_part, _, rest = plan_markdown(document).partition("<details>")
    assert "| | expire (cannot be undone) |" in open_part
    assert "in place" in open_part
    assert "| | snapshot |" not in open_part
    assert "| | snapshot |" in rest
