"""Keeps secrets out of everything that is printed or written down.

Secrets are typed and no code of ours prints them; texts of backends, their libraries and commands may hold them all the
same. Whoever resolves a secret has it remembered here, and whatever foreign text enters a plan, the catalog, a log or the
terminal goes through ``redact``.
"""

from __future__ import annotations

import re

HIDDEN = "***"
SHORTEST = 4
"""Shorter values are not looked for: they would stand in half of all words, and they protect nothing."""
_USERINFO = r"(?<=://)[^\s/?#@'\"]+(?=@)"
_AUTHORIZATION = r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"

_values: set[str] = set()


def remember(secret: str) -> None:
    """Have ``secret`` hidden from now on, whole, line by line, and as URLs and basic authentication encode it."""
    import json
    from base64 import b64encode
    from urllib.parse import quote, quote_plus

    for part in {secret, *secret.splitlines()}:
        stripped = part.strip()
        if len(stripped) >= SHORTEST:
            encoded = {quote(stripped, safe=""), quote_plus(stripped), repr(stripped)[1:-1]}
            encoded |= {json.dumps(stripped)[1:-1], json.dumps(stripped, ensure_ascii=False)[1:-1]}
            _values.update({stripped, *encoded, b64encode(stripped.encode("utf-8", "surrogateescape")).decode()})


def redact(text: str) -> str:
    """Return ``text`` with all remembered secrets, credentials in URLs and authorization headers replaced by ``***``."""
    for value in sorted(_values, key=len, reverse=True):
        if value in text:
            text = text.replace(value, HIDDEN)
    if "://" in text and "@" in text:
        text = re.sub(_USERINFO, _hidden_userinfo, text)
    if "asic" in text.lower() or "earer" in text.lower():
        text = re.sub(_AUTHORIZATION, rf"\1 {HIDDEN}", text)
    return text


def _hidden_userinfo(found: re.Match[str]) -> str:
    """A user alone, as in ``ssh://root@nas``, is no secret."""
    user, colon, _ = found[0].partition(":")
    return f"{user}:{HIDDEN}" if colon else user
