"""SP47x: what a snapshot holds, and what it does not."""

from __future__ import annotations

from snapplan.codes.code import Code

CONTENT = (
    Code(
        "SP470",
        "a snapshot with gaps",
        "Something of the target could not be read and is not in the snapshot: a file or folder without permission, one"
        " that the disk fails to give, a lease that is not given up, a device node where snapplan is not root. All else"
        " was taken. The snapshot counts for no minimum, so that the last whole one stays. The run ends with 7 when gaps"
        " appear or change; afterwards they are a notice, and status shows them.",
        "Let the user that runs snapplan read it, or repair the disk. Where it may be left out: unreadable: skip for the"
        " target (driver directory).",
    ),
)
