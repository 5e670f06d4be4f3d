"""What each code of a finding means, for ``snapplan why CODE`` and the reference.

SP1xx the files themselves, SP2xx what the policy means, SP3xx guards, SP4xx what a plan meets. A code is never reused.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """``title`` names the finding, ``meaning`` says what it means for the snapshots, ``fix`` what to do about it."""

    code: str
    title: str
    meaning: str
    fix: str


_FILES = (
    Code(
        "SP100",
        "a file cannot be read",
        "What it says is unknown, so nothing of the policy is applied.",
        "Correct its permissions, or take it out of include.",
    ),
    Code(
        "SP101",
        "not valid YAML",
        "Reading stopped there; the rest of the file is unknown, so nothing of the policy is applied.",
        "Look at the indentation, brackets and quotes at the place and just above. Indent with spaces. Quote a text that"
        " holds ': ' or begins with a sign such as @, *, & or %.",
    ),
    Code(
        "SP102",
        "a character that is not allowed",
        "Bytes that are not UTF-8, control characters and marks that reorder text can make a file mean something other"
        " than what a reviewer sees.",
        "Save the file as UTF-8 and remove the character.",
    ),
    Code(
        "SP103",
        "too large, too deep or too many",
        "The file is beyond what a policy needs; reading it could exhaust the machine.",
        "Split it into several files, write lists out instead of nesting aliases, select by globs or tags.",
    ),
    Code(
        "SP104",
        "unknown key",
        "The key would have no effect. A retention or a selector that was meant would silently be missing.",
        "Correct the spelling or remove it. The reference lists every key with its level.",
    ),
    Code(
        "SP105",
        "a key is missing",
        "Without it the entry is incomplete; there is no default that is right for everybody.",
        "Add the key.",
    ),
    Code(
        "SP106",
        "a value of the wrong kind",
        "The value is a text where a number belongs, a list where a mapping belongs, or nothing at all. Only true and false"
        " are truth values, only decimal numbers without leading zeros are numbers; all else is text.",
        "Write the kind of value that the message names; quote a number that is meant as text.",
    ),
    Code(
        "SP107",
        "a value that is not allowed",
        "The value is outside the range or is none of the choices.",
        "Write one of the values that the message or the reference gives.",
    ),
    Code(
        "SP108",
        "not a duration or time",
        "Durations carry a unit (s m h d w y; a day is 86,400 seconds, a year 365 days; there are no months). Instants"
        " carry a UTC offset. Wall times carry none: they are in the profile's time zone.",
        "Write 24h, 14d, 2w; 2026-11-22T02:00Z; 2026-12-01T20:00.",
    ),
    Code(
        "SP109",
        "a key is given twice",
        "One of the two would silently win; the other retention, period or target would be lost.",
        "Keep one, or give the second entry a name of its own.",
    ),
    Code(
        "SP110",
        "a YAML feature that is not allowed",
        "Tags, merge keys, several documents in a file and keys that are no plain text can make a file mean something other"
        " than what a reviewer sees.",
        "Write the values out. Anchors on values and aliases are allowed.",
    ),
    Code(
        "SP111",
        "a name that is not allowed",
        "Names become part of snapshots' names on backends and of addresses.",
        "Begin with a letter or digit; use letters, digits, '_', '.' and '-', 63 at most. Names of targets are relative"
        " and hold no '..' and no '@'.",
    ),
    Code(
        "SP112",
        "defined in two files",
        "One of the two definitions would silently win.",
        "Rename or remove one of them.",
    ),
    Code(
        "SP113",
        "outside the policy repository",
        "Policy comes from the reviewed files only; a link or path that leads elsewhere is not followed.",
        "Put the file below the folder of snapplan.yaml.",
    ),
    Code(
        "SP114",
        "include matches nothing",
        "No policy file is read there, so what it should protect is not protected.",
        "Correct the glob; it counts from the folder of snapplan.yaml.",
    ),
    Code(
        "SP115",
        "no snapplan.yaml",
        "Without it there are no backends and no project, so nothing can be planned.",
        "Run snapplan init, or point -C at the policy repository.",
    ),
    Code(
        "SP116",
        "an empty file or section",
        "It does nothing; perhaps its content is indented wrongly or was lost in a merge.",
        "Fill it or remove it.",
    ),
    Code(
        "SP117",
        "a secret that stands in the file",
        "Whoever can read the repository or its history can use it.",
        "Change the secret, then refer to it: ${env:NAME} or ${file:PATH}.",
    ),
    Code(
        "SP118",
        "a reference where no secret stands",
        "References are resolved in secrets only, so that what a plan shows is what the reviewed files say.",
        "Write the value itself.",
    ),
)

_MEANING = (
    Code(
        "SP201",
        "unknown profile",
        "The targets of the assignment would get no snapshots.",
        "Correct the name, or define the profile.",
    ),
    Code(
        "SP202",
        "unknown backend",
        "No target is found, so nothing is taken or restored there.",
        "Correct the name or glob, or add the backend to snapplan.yaml.",
    ),
    Code(
        "SP203",
        "unknown driver",
        "The backend cannot be opened.",
        "Correct the name, or install the package that has the driver. snapplan drivers lists those that are there.",
    ),
    Code(
        "SP204",
        "unknown time zone",
        "No slot can be computed.",
        "Write an IANA name such as Europe/Zurich or UTC.",
    ),
    Code(
        "SP205",
        "frequency or cron",
        "A period has one schedule: with none it never takes a snapshot, with two it is unclear when.",
        "Write frequency: with its fields, or cron: with an expression.",
    ),
    Code(
        "SP206",
        "a cron expression that is wrong or never fires",
        "The period would never take a snapshot.",
        "Write five fields: minute, hour, day of the month, month, day of the week.",
    ),
    Code(
        "SP207",
        "a setting needs another",
        "The period is incomplete: weekly needs day_of_week, monthly day_of_month, yearly month and day_of_month, custom"
        " at, a partial type partial_tags.",
        "Add the key.",
    ),
    Code(
        "SP208",
        "a field without meaning for the frequency",
        "The snapshots are taken as though it were not there, perhaps at other times than was meant.",
        "Remove it, or choose the frequency that it belongs to.",
    ),
    Code(
        "SP209",
        "retention does not bridge the gap between two slots",
        "A snapshot is gone before the next one is taken. Changes of the UTC offset count: a daily slot is 25 hours from"
        " the one before once a year in most of Europe. With min_snapshots the newest stays held; without it there are"
        " times with nothing to restore from.",
        "Make retention longer than the gap that the message gives, plus the time between runs of apply; or set"
        " min_snapshots.",
    ),
    Code(
        "SP211",
        "min_snapshots that can never be met",
        "The period never has so many snapshots.",
        "Lower it or leave it out.",
    ),
    Code(
        "SP212",
        "the backend cannot do what a period asks for",
        "The snapshots would lack a property that the policy promises: frozen I/O, a lock, a storage tier.",
        "Use another profile for these targets, or leave the field out.",
    ),
    Code(
        "SP213",
        "a scope that the driver does not have",
        "Nothing is found there, so nothing is protected.",
        "Write one of the scopes that the message names.",
    ),
    Code(
        "SP214",
        "no scheduler on the platform",
        "Nobody would take the snapshots.",
        "Write schedule: snapplan, and run snapplan apply from a timer or in CI.",
    ),
    Code(
        "SP215",
        "two assignments select one target",
        "With two profiles the target gets the snapshots of both; with one profile it is snapshotted once per slot.",
        "Nothing, if that is meant; otherwise narrow one of the selectors.",
    ),
    Code(
        "SP216",
        "two periods with the same slots",
        "Each period takes a snapshot of its own, so there are two at every slot.",
        "Move one of them, or merge them: the longer retention holds what the shorter would.",
    ),
    Code(
        "SP217",
        "a restore without a definite source",
        "Which snapshot is restored would depend on when apply runs.",
        "With latest write before: and an instant; or name the snapshot, without its target.",
    ),
    Code(
        "SP218",
        "name and mode of a restore do not fit",
        "A clone is a new object under a name of its own; in place, the target's content is replaced.",
        "With mode: clone write as: and a name that is free; with mode: in_place leave it out.",
    ),
    Code(
        "SP219",
        "not the address of a target",
        "It is unclear what is to be restored.",
        "Write BACKEND/SCOPE/NAME, or BACKEND/cloud.",
    ),
    Code(
        "SP220",
        "a restore that the driver cannot do",
        "Nothing would be restored.",
        "Choose a mode and a source scope that the message names.",
    ),
    Code(
        "SP221",
        "moved leads nowhere",
        "History is kept over a rename only from a name that is gone to a name that exists; otherwise the old snapshots"
        " become orphans.",
        "Write from: with the old and to: with the new name, as profiles.NAME or profiles.NAME.PERIOD.",
    ),
    Code(
        "SP222",
        "a naming template that is refused",
        "Templates hold text, variables and a few filters, so that they end, reach nothing outside and make names that"
        " backends take.",
        "Build it from {{ profile }}, {{ period }}, {{ slot }}, {{ target }}, {{ scope }}, {{ backend }} and"
        " {{ project }}; filters are lower, upper, trim and replace.",
    ),
    Code(
        "SP223",
        "a naming template that does not make unique names",
        "Two snapshots would be given one name, and the second could not be taken.",
        "Use profile, period and slot in it.",
    ),
    Code(
        "SP224",
        "a setting without effect",
        "It does nothing where it stands; perhaps something else was meant.",
        "Remove it, or add what it goes with.",
    ),
    Code(
        "SP225",
        "an objective that asks for nothing or for the impossible",
        "It proves nothing about the snapshots.",
        "Add rpo, keep or quiesced; in keep write AGE: SPACING, the spacing shorter than the age.",
    ),
    Code(
        "SP226",
        "two periods whose snapshots have the same names",
        "The name joins profile and period by a dot, and both hold one; the second snapshot could not be taken.",
        "Use another character than the dot in one of the names, or another naming template.",
    ),
    Code(
        "SP227",
        "immutable for ever",
        "Nobody can delete such a snapshot again, and its space is never freed.",
        "Give the period a retention.",
    ),
    Code(
        "SP228",
        "names in the cloud scope",
        "The cloud is the whole system and has no name; names and exclude select nothing there.",
        "Remove them, or select the scope that was meant.",
    ),
    Code(
        "SP229",
        "a profile that nothing uses",
        "It takes no snapshots.",
        "Assign it, or remove it.",
    ),
    Code(
        "SP230",
        "not the address of a catalog",
        "The record of what was done cannot be opened.",
        "Write sqlite:///FILE, postgresql://HOST/DATABASE or memory:.",
    ),
)

_PLANS = (
    Code(
        "SP401",
        "an assignment selects nothing",
        "Nothing is protected by it now.",
        "Correct the selector; the message gives the nearest names. snapplan list targets shows what there is.",
    ),
    Code(
        "SP402",
        "a target gets one profile from two assignments",
        "It counts once; its snapshots are not taken twice.",
        "Exclude it from one of them, or remove one.",
    ),
    Code(
        "SP410",
        "an order that matches no target",
        "No snapshot is taken.",
        "Correct the address or glob. snapplan list targets shows what there is.",
    ),
    Code(
        "SP411",
        "a key that was used",
        "A key is taken once per target, so that a repeated run does not take the snapshot again.",
        "Choose another key.",
    ),
    Code(
        "SP412",
        "a manual snapshot that would have expired already",
        "It is not taken.",
        "Remove the entry, or move its expiration.",
    ),
    Code(
        "SP413",
        "a manual snapshot of which nothing is known",
        "The catalog was rebuilt and no mark shows the snapshot. It may have been taken and have expired since,"
        " so it is not taken again by itself.",
        "Take it under a new key if it is still wanted, or remove the entry.",
    ),
    Code(
        "SP420",
        "a restore that went stale",
        "It is not done: what it was asked for is past.",
        "Remove the entry, or move not_after.",
    ),
    Code(
        "SP421",
        "a restore that was done with another content",
        "A key is carried out once; changing its entry does nothing.",
        "Give the new restore a key of its own.",
    ),
    Code(
        "SP422",
        "a restore that was begun and is not finished",
        "The next apply completes or undoes it; it is never begun twice, and nothing of its target expires until then.",
        "Run snapplan apply.",
    ),
    Code(
        "SP423",
        "a restore that was undone",
        "It was begun, put back and is not begun again.",
        "Give it a new key to try again.",
    ),
    Code(
        "SP424",
        "a restore of which nothing is known",
        "The catalog was rebuilt and the backend shows no trace of it. It may have been done before, so it is not"
        " done by itself.",
        "Give it a new key to do it, or remove the entry.",
    ),
    Code(
        "SP425",
        "a restore on a backend that the policy does not have",
        "Nothing is restored.",
        "Correct the target, or add the backend to snapplan.yaml.",
    ),
    Code(
        "SP426",
        "no snapshot to restore from",
        "Nothing is restored. Only complete snapshots count, and with latest only this project's.",
        "Name another snapshot or a later instant. snapplan list snapshots shows what there is.",
    ),
    Code(
        "SP427",
        "a restore that the backend cannot do",
        "Nothing is restored.",
        "Choose another mode or source scope. snapplan drivers shows what each driver can do.",
    ),
    Code(
        "SP428",
        "a clone whose name is taken",
        "Nothing is restored: a clone overwrites nothing.",
        "Choose another name for the clone.",
    ),
    Code(
        "SP429",
        "a target that cannot be restored in place now",
        "Nothing is restored and the target keeps its content.",
        "Remove what the message names, such as by powering it off, or restore to a clone.",
    ),
    Code(
        "SP430",
        "no such snapshot",
        "Nothing is pinned or unpinned.",
        "Correct the address. snapplan list snapshots shows what there is.",
    ),
    Code(
        "SP431",
        "a foreign snapshot",
        "This project did not take it. snapplan never changes foreign snapshots, and never expires them either.",
        "Leave it to its owner.",
    ),
    Code(
        "SP440",
        "a backend is left out",
        "It could not be read, so nothing is planned for it and nothing of it counts as gone. Its snapshots stay"
        " as they are and no new ones are taken there.",
        "Make the backend reachable and plan again.",
    ),
    Code(
        "SP441",
        "the clock stepped back",
        "Nothing is due and nothing expires in this run, as a wrong clock would take and expire the wrong snapshots.",
        "Set the clock right.",
    ),
    Code(
        "SP442",
        "the catalog was rebuilt from the marks",
        "Snapshots, slots and expirations are known again. Declared manual snapshots and restores of which"
        " nothing is left are not carried out again by themselves.",
        "If the catalog should not have been empty, find out why before the next apply.",
    ),
)

CODES: dict[str, Code] = {entry.code: entry for entry in (*_FILES, *_MEANING, *_PLANS)}
"""All codes, by their name."""
