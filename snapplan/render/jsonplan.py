"""JSON for machines: the document itself, in a stable layout."""

from __future__ import annotations

import json
from typing import Any


def json_text(document: Any) -> str:
    """Return a document as indented JSON, keys in the document's order, ending with a newline.

    ``##`` stands in texts only, and is written so that no CI takes what follows for a command (``phrases.shown``).
    """
    return json.dumps(document, indent=2, ensure_ascii=False).replace("##", "#\\u0023") + "\n"
