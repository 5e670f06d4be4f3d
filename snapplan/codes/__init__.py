"""What each code of a finding means, for ``snapplan why CODE`` and the reference.

SP1xx the files themselves, SP2xx what the policy means, SP3xx guards, SP4xx what a plan meets, SP5xx saved
plans. A code is never reused.
"""

from __future__ import annotations

from snapplan.codes.code import Code
from snapplan.codes.content import CONTENT
from snapplan.codes.files import FILES
from snapplan.codes.guards import GUARDS
from snapplan.codes.meaning import MEANING
from snapplan.codes.names import NAMES
from snapplan.codes.plans import PLANS
from snapplan.codes.platforms import PLATFORMS
from snapplan.codes.saved import SAVED

__all__ = ["CODES", "Code"]

CODES: dict[str, Code] = {
    entry.code: entry for entry in (*FILES, *MEANING, *GUARDS, *PLANS, *PLATFORMS, *NAMES, *CONTENT, *SAVED)
}
"""All codes, by their name."""
