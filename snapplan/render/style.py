"""Colour, for terminals only. It repeats what words and symbols already say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}

VERB_COLOURS = {
    "restore": "magenta",
    "expire": "red",
    "change": "yellow",
    "snapshot": "green",
    "assign": "cyan",
    "profile": "cyan",
}


class Style(NamedTuple):
    """Whether to colour. ``Style()`` is plain."""

    colour: bool = False

    def __call__(self, text: str, *names: str) -> str:
        """Return ``text`` in the given colours, or as it is."""
        if not self.colour or not text or not names:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


PLAIN = Style()


def style_for(stream: IO[str], environ: Mapping[str, str]) -> Style:
    """Return the style for ``stream``: colour on a terminal only, never with ``NO_COLOR`` or ``TERM=dumb``."""
    wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(colour=wanted and stream.isatty())
