"""What each code of a finding means, for ``snapplan why CODE`` and the reference.

SP1xx the files themselves, SP2xx what the policy means, SP3xx guards, SP4xx what a plan meets. A code is never reused.
"""

from __future__ import annotations

from snapplan.codes.code import Code
from snapplan.codes.files import FILES
from snapplan.codes.meaning import MEANING
from snapplan.codes.plans import PLANS

__all__ = ["CODES", "Code"]

CODES: dict[str, Code] = {entry.code: entry for entry in (*FILES, *MEANING, *PLANS)}
"""All codes, by their name."""
