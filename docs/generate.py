"""Write the generated pages of the reference and the schemas: ``python -m docs.generate`` (``--check`` only compares)."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs import keys
from snapplan.cli.exit_codes import MEANINGS, PRECEDENCE
from snapplan.cli.reference import reference_markdown
from snapplan.codes import CODES
from snapplan.config import schema
from snapplan.drivers.directory.facts import Facts, to_document
from snapplan.drivers.vergeos import marks as vergeos_marks
from snapplan.models.snapshot import STANDINGS, Condition, Mark, Pin
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
IMAGINED_UUID = "38ea74bf-45a4-4b2a-8c3d-c4ad962d4439"
GENERATED = "Made by `python -m docs.generate`; do not edit."

MARK_FIELDS = {
    "project": "`project` of `snapplan.yaml`; a snapshot with another one is foreign",
    "target_id": "the permanent id of the target on its backend",
    "run": "the run that took it",
    "taken_at": "the instant of the capture, fixed before it begins (UTC)",
    "expires_at": "`taken_at` plus the retention, exact (UTC); `null` is never",
    "profile": "of a scheduled snapshot",
    "period": "of a scheduled snapshot",
    "slot": "the instant at which the period wanted it (UTC)",
    "key": "of a manual snapshot; then profile, period and slot are `null`",
    "minimum": "`min_snapshots` as it was when the snapshot was taken or last changed",
    "pin": "owner, reason and end of a pin, or `null`",
    "store": "the id of the store that it was made in, or `null`",
    "set": "what the snapshots of one set share, or `null`",
}


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name in ``docs/reference``."""
    made = {
        "policy.md": keys.lines(),
        "codes.md": codes(),
        "exit-codes.md": exit_codes(),
        "marks.md": marks(),
        "plan.md": plan(),
        "states.md": states(),
    }
    return {"cli.md": reference_markdown(), **{name: "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}}


def codes() -> Iterator[str]:
    """Yield the page of codes: each with an anchor of its own, ``#sp104``."""
    yield from (
        "# Codes",
        "",
        GENERATED,
        "",
        "Each finding carries one of these codes. `snapplan why SP104` prints the same text. A code is never reused.",
        "",
    )
    for entry in CODES.values():
        yield from (f"## {entry.code}", "", f"**{entry.title}.** {entry.meaning}", "", f"What to do: {entry.fix}", "")


def exit_codes() -> Iterator[str]:
    """Yield the page of exit codes."""
    yield from ("# Exit codes", "", GENERATED, "", "| code | meaning |", "|---|---|")
    yield from (f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items())
    order = ", ".join(str(int(code)) for code in PRECEDENCE)
    yield from ("", f"Where several hold, the first of these is taken: {order}.")
    yield "Warnings do not change the code, except with `snapplan validate --strict`, which makes them errors (4)."


def marks() -> Iterator[str]:
    """Yield the page of marks, with the mark of an imagined snapshot as ``directory`` writes it."""
    yield from (
        "# Marks",
        "",
        GENERATED,
        "",
        "A mark stands beside a snapshot on its backend and makes it ours. It holds enough to rebuild a lost catalog.",
        "",
        "| field | meaning |",
        "|---|---|",
        *(f"| `{field}` | {MARK_FIELDS[field]} |" for field in Mark._fields),
        "",
        "Project and target id, with profile, period and slot or with the key, are the identity of a snapshot. Its name is",
        "made from them and never read back.",
        "",
        "## `directory`",
        "",
        "The permanent id is scope and name (`vm/web-01`, the whole system `cloud`), as a folder has none. The mark is in",
        "`mark.json` in the snapshot's folder of the store, `snapshots/vm/web-01/NAME/mark.json`, with what else is",
        "known of the snapshot; `contains` says what can be restored out of it besides the target, `consistent` whether",
        "nothing changed while it was copied. `data/` holds the copy, `manifest.jsonl` the list of all it holds.",
        "",
        "```json",
        json.dumps(to_document(_imagined()), indent=1),
        "```",
        "",
        "Restores that were begun are in `restores/PROJECT/KEY.json` of the store.",
        "",
        "## `vergeos`",
        "",
        "The permanent id is the UUID of a VM or tenant, the 40 hexadecimal digits of a NAS volume, `cloud` for the",
        "system. The mark is the last line of the snapshot's `description`, written with the create; the text above it",
        f"is the user's. A description holds {vergeos_marks.MAX_DESCRIPTION:,} bytes: the user's text is shortened where",
        "it does not fit, and a mark that alone is longer is refused. In a system snapshot the line also holds the",
        "snapshot's own `name`, so that a copy that a person makes of it is not taken for ours. `expires` on the platform",
        "is 7 days later than `expires_at`, or never while a pin holds.",
        "",
        "```text",
        vergeos_marks.described("CHG-1234", _imagined().mark._replace(target_id=IMAGINED_UUID)),
        "```",
        "",
        "A snapshot profile that snapplan made or was told to adopt has such a line with `project` only. What the",
        "platform's scheduler takes by it carries no mark: it is known by its period. Restores that were begun are tags",
        "of the category `snapplan-PROJECT`, named by their keys.",
    )


def _imagined() -> Facts:
    taken = datetime(2026, 11, 22, 2, 0, 4, tzinfo=UTC)
    mark = Mark(
        project="production-snapshots",
        target_id="vm/web-01",
        run="12-7be57236",
        taken_at=taken,
        expires_at=taken.replace(month=12, day=6),
        profile="gold",
        period="daily",
        slot=taken.replace(second=0),
        minimum=3,
        pin=Pin("ada", "audit 2026-7"),
    )
    return Facts(
        id="9a1059efbb1a4ff290481574f1547fa1",
        name="gold.daily.20261122T0200Z",
        scope=Scope.VM,
        target_name="web-01",
        folder="web-01",
        mark=mark,
        completed_at=taken.replace(second=9),
        quiesced=True,
        consistent=True,
        size=8_000_116,
        files=2,
        entries=3,
        reflinked=True,
    )


STATES = {
    Condition.SOUND: "all is as it should be",
    Condition.GAPS: "something was left out although nobody asked for that: a file that cannot be read",
    Condition.SUSPICIOUS: "the content of the target had vanished when it was taken: perhaps a disk was not mounted",
    Condition.SET_ASIDE: "what a restore in place replaced; it is kept until the restore is over, and 7 days from then",
    Condition.DAMAGED: "data, manifest or mark are missing or cannot be read",
    Condition.INCOMPLETE: "it is being made, or a run that died left it",
}


def states() -> Iterator[str]:
    """Yield the page of states: what a snapshot of each condition is good for, out of the one table of it."""
    words = ("counts for the minimum", "satisfies its slot", 'is "latest"', "can be restored by name", "expires")
    yield from (
        "# States of a snapshot",
        "",
        GENERATED,
        "",
        "`snapplan list snapshots` shows the first of these that holds: foreign, managed, incomplete, damaged, set-aside,",
        "suspicious, gaps, discarded, future, locked, held, orphan, complete. `snapplan why SNAPSHOT` says what follows",
        "from it. A discarded one is left of a set that could not be completed: it counts for nothing.",
        "",
        "What a snapshot is good for follows from its condition, whoever owns it:",
        "",
        f"| condition | what it is | {' | '.join(words)} |",
        f"|---|---|{'---|' * len(words)}",
    )
    for condition, text in STATES.items():
        cells = " | ".join("yes" if holds else "no" for holds in STANDINGS[condition])
        yield f"| {condition.value.replace('_', '-')} | {text} | {cells} |"
    yield from (
        "",
        "- Only what counts for the minimum is a reason to expire an older snapshot. Of a period the newest",
        '  `min_snapshots` of these are held past their expiration, and the newest `min_snapshots` of all that "latest"',
        "  may be: files that can never be read neither drop the last whole snapshot nor leave fewer than the minimum.",
        "- An incomplete one is removed when the run that took it is over.",
        "- A damaged one never goes by itself. Its slot, where it is the newest, is taken again beside it.",
        "- While the newest snapshot of a target is suspicious, nothing of that target expires or is shortened",
        "  ([SP309](codes.md#sp309)). The next snapshot that is not suspicious ends it, and so does",
        "  `snapplan accept TARGET --reason TEXT`.",
        "- What a restore set aside is held while that restore is open.",
    )


def plan() -> Iterator[str]:
    """Yield the page of the plan document, made from its schema."""
    made = schema.schema("plan")
    yield from (
        "# The plan as JSON",
        "",
        GENERATED,
        "",
        "`snapplan plan --format json` prints it; `schemas/plan.schema.json` describes it. Instants are UTC text such as",
        "`2026-11-22T02:00:00Z`. Every other form of a plan is made from this document alone.",
        "",
    )
    yield from _table("The document", made)
    for name, definition in made["$defs"].items():
        if "properties" in definition:
            yield from _table(name, definition)


def _table(title: str, definition: dict[str, Any]) -> Iterator[str]:
    description = " ".join(definition.get("description", "").split()).replace("``", "`")
    yield from (f"## {title}", "", description, "", "| key | value |", "|---|---|")
    yield from (f"| `{key}` | {_words(shape)} |" for key, shape in definition["properties"].items())
    yield ""


def _words(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in shape:
        return " or ".join(_words(part) for part in shape["anyOf"])
    if "const" in shape or "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape.get("enum", [shape.get("const")]))
    if "items" in shape and isinstance(shape["items"], dict):
        return f"list of {_words(shape['items'])}"
    if "prefixItems" in shape:
        return "pair of " + ", ".join(_words(part) for part in shape["prefixItems"])
    if shape.get("format") == "date-time":
        return "instant"
    return str(shape.get("type", "any value"))


def main(arguments: list[str]) -> int:
    """Write the pages and the schemas, or with ``--check`` name the pages that are not current (1)."""
    stale = [name for name, text in pages().items() if _read(REFERENCE / name) != text]
    if "--check" in arguments:
        sys.stderr.writelines(f"docs/reference/{name} is not current; run make docs-update\n" for name in stale)
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    schema.write(ROOT / "schemas")
    return 0


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
