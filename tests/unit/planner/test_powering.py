from __future__ import annotations

from snapplan.models.target import RestoreMode
from snapplan.planner.restores import Wish, content_digest

PLAIN = Wish("k", "lab/vm/web", "latest", None, None, RestoreMode.CLONE, "web-2")


def test_without_options_the_content_is_what_it_always_was() -> None:
    assert content_digest(PLAIN) == "f9e98dbcd25899ce23bd4d7536bbf0f17f8645608bc822486cd5866511aed307"


def test_options_are_part_of_the_content() -> None:
    wishes = [PLAIN._replace(options=options) for options in ((), ("power_on",), ("power_on", "preserve_macs"))]
    assert len({content_digest(wish) for wish in wishes}) == 3
