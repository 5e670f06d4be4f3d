"""SP2xx: what the policy means."""

from __future__ import annotations

from snapplan.codes.code import Code

MEANING = (
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
    Code(
        "SP231",
        "what the platform's own schedule cannot hold",
        "Platforms with a scheduler of their own know their own time zone only, no cron expressions, no one-time periods,"
        " no"
        " last day of a month, and not how late a snapshot may be. Their schedule is told by what changed since the last"
        " apply, so it needs a catalog that lasts.",
        "Write schedule: snapplan in the assignment, and run snapplan apply from a timer.",
    ),
    Code(
        "SP232",
        "an option of a restore that does nothing there",
        "power_off goes with a restore in place, preserve_macs with a clone, and all of them with VMs and tenants of a"
        " driver that has them. What was asked for would silently not be done.",
        "Remove it. snapplan drivers shows what each driver can do.",
    ),
    Code(
        "SP233",
        "two backends that are one system",
        "Each would take the snapshots of the same targets, and where the platform runs the schedule, each apply would take"
        " away what the other backend's assignments set.",
        "Remove one of them. One backend can have any number of profiles and assignments.",
    ),
    Code(
        "SP234",
        "a target inside another one",
        "A snapshot of the outer target holds the inner one too. A restore of the outer target in place leaves the inner"
        " one as it is, so that it is put back by a restore of its own only.",
        "Nothing, if that is what you want; else give the inner target a place outside.",
    ),
)
