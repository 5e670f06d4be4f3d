"""SP46x: names on a backend, which anybody there may change."""

from __future__ import annotations

from snapplan.codes.code import Code

NAMES = (
    Code(
        "SP460",
        "two targets of one name",
        "A selector names a target, and two or more have that name. All of them are protected: nobody loses a protection"
        " because somebody made, cloned or renamed something. Their addresses are NAME~ID8 as long as they share the name."
        " An unattended apply gives no platform profile to one that came later until somebody has looked.",
        "Rename one of them on its backend; or say that both are meant: snapplan accept TARGET --reason TEXT. To mean one"
        " only, write NAME~ID8 into names or exclude.",
    ),
    Code(
        "SP461",
        "a protected target that was renamed on its backend",
        "The assignment knows it by its permanent id, so it stays protected as long as the assignment has an entry that"
        " matches the name it had. exclude and tags count as ever.",
        "Write the new name into the assignment. snapplan accept TARGET --reason TEXT says that the new name is right: then"
        " the assignment selects by it alone, and the next plan shows what ends.",
    ),
    Code(
        "SP462",
        "an address that is two things",
        "Several targets have the name in it, or their snapshots have one name. Nothing is done, as nobody can tell which"
        " one was meant.",
        "Write the address of the one that you mean, NAME~ID8; snapplan list targets shows them.",
    ),
    Code(
        "SP463",
        "a tag name that two categories have",
        "VergeOS tags are unique in a category only. A selector with that name means the tags of all categories. In a"
        " partial period or capture it means the tag that stands there already, and cannot be written anew.",
        "Write CATEGORY/NAME.",
    ),
    Code(
        "SP464",
        "a profile of the platform without our mark",
        "The platform runs it and it is as the policy wants it, but nothing there says that it is this project's. What it"
        " takes counts as foreign: it satisfies no objective, and snapplan does not follow it.",
        "snapplan adopt BACKEND/profile/NAME writes the mark; what its periods take counts again, from the first one on."
        " Where the mark was removed on purpose, remove the assignment from the policy.",
    ),
    Code(
        "SP465",
        "a profile that was renamed on its platform",
        "It carries our mark and is what the policy means, under another name. It is renamed back, so that its targets and"
        " what it took stay with it.",
        "Apply. To keep the new name, write it as platform_name into the profile.",
    ),
    Code(
        "SP466",
        "a snapshot that lost its mark",
        "The catalog knows it as this project's, but somebody edited its description, so that it counts as foreign: it is"
        " never changed or expired, and keeps no older one from expiring.",
        "snapplan adopt SNAPSHOT --expires WHEN makes it ours again, as a manual snapshot. Or delete it on its backend.",
    ),
)
