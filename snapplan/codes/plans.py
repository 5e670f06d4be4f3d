"""SP4xx: what a plan meets, such as backends, restores and manual snapshots."""

from __future__ import annotations

from snapplan.codes.code import Code

PLANS = (
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
        "SP403",
        "quiesce commands that match no target",
        "Nothing is frozen by them. With quiesce: require the snapshots they were meant for are not taken, with prefer they"
        " are taken while I/O goes on.",
        "Correct the glob under quiesce_commands; it is matched against scope/name. snapplan list targets shows what there"
        " is.",
    ),
    Code(
        "SP404",
        "an entry that matches nothing",
        "One of names, exclude, tags or any_tags of a selector, or a tag of a partial period, means nothing on the backends"
        " that were read: a typo, or something that is gone or was renamed. What it was meant for is not protected, or not"
        " left out. Of a glob, an exclusion or one of any_tags it is a note, as it may be there for later.",
        "Correct the entry; the message gives the nearest. snapplan list targets shows what there is.",
    ),
    Code(
        "SP410",
        "an order that matches no target",
        "No snapshot is taken.",
        "Correct the address or glob. snapplan list targets shows what there is.",
    ),
    Code(
        "SP411",
        "a key that was used for something else",
        "A key is taken once per target. The snapshot under it expires at another time, was taken without freezing I/O, or"
        " is gone, so it is not the restore point that was asked for.",
        "Choose another key. The same order again, while its snapshot is there, is no error.",
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
        "SP414",
        "a set that is not whole waits before it is tried again",
        "A member failed, so the snapshots of the others count for nothing; they are kept for a day. Trying at every run"
        " would make more of them, so the delay is 15 minutes and doubles with every try of which something is left. The"
        " next slot is tried at once.",
        "Find the member that failed with snapplan show run N, and mend it or exclude it from the assignment.",
    ),
    Code(
        "SP415",
        "an order that was carried out before",
        "The snapshot under its key is there and is what was asked for, as when a step of a pipeline is repeated.",
        "Nothing; the snapshot's address is printed as though it had just been taken.",
    ),
    Code(
        "SP416",
        "a snapshot that is ordered while the clock is behind",
        "It is taken. Its expiration counts from the time that an apply confirmed, or that a second clock shows, as by the"
        " clock of now it would be over as soon as the clock is right.",
        "Set the clock right, for example with NTP. snapplan catalog clock shows the clocks.",
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
        "It is never begun twice, and nothing of its target expires until it is completed or undone.",
        "Run snapplan apply; where it was interrupted half-way, decide as SP435 says.",
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
        "Leave it to its owner, or take it over with snapplan adopt.",
    ),
    Code(
        "SP432",
        "a snapshot that cannot be adopted",
        "It belongs to the platform's scheduler, is not complete, or its driver cannot give it our mark.",
        "Leave it to whoever made it.",
    ),
    Code(
        "SP433",
        "a lock that the platform does not have",
        "VergeOS locks system snapshots only; other backends lock none. Nothing was changed.",
        "A pin keeps a snapshot from snapplan itself: snapplan pin SNAPSHOT --reason TEXT.",
    ),
    Code(
        "SP434",
        "an order that the backend cannot take as it was asked",
        "The snapshot would not be locked, hidden or partial, so none is taken.",
        "Leave the option out, or take a snapshot of the whole system: BACKEND/cloud.",
    ),
    Code(
        "SP435",
        "a restore that was interrupted half-way",
        "A run died when it had replaced a part of the target, so the target is a mixture of old and new content. Nothing"
        " is lost: what was replaced is kept. What was written since would be set aside too if the restore were completed,"
        " so apply --auto-approve leaves it as it is, expires no snapshot of the target, and ends with 7.",
        "Look at the target, then complete the restore with snapplan apply --resume RUN, or take it back with snapplan"
        " apply --resume RUN --undo. An apply at a terminal, or of a plan that shows it, completes it too.",
    ),
    Code(
        "SP436",
        "a restore that was interrupted",
        "A run died before it had replaced anything of the target, or after it had replaced all of it.",
        "Nothing; the next apply undoes it or records it as done, and says so.",
    ),
    Code(
        "SP440",
        "a backend is left out",
        "It could not be read, so nothing is planned for it and nothing of it counts as gone. Its snapshots stay"
        " as they are and no new ones are taken there.",
        "Make the backend reachable and plan again.",
    ),
    Code(
        "SP442",
        "the catalog was rebuilt from the marks",
        "Snapshots, slots and expirations are known again. Declared manual snapshots and restores of which"
        " nothing is left are not carried out again by themselves.",
        "If the catalog should not have been empty, find out why before the next apply.",
    ),
    Code(
        "SP443",
        "what a backend told when it was read",
        "The driver found something that a person should know of, such as a part of the platform that it cannot read. The"
        " rest of the plan counts all the same.",
        "The message says what to do.",
    ),
    Code(
        "SP444",
        "a plan that needs more requests than the hour has left",
        "The platform limits how many requests may be made in an hour (requests_per_hour of the backend). apply makes what"
        " there is room for, in its order, begins nothing that it could not finish, and ends with 7.",
        "Run snapplan apply again, or apply --resume RUN, in the next hour. Of a large plan several hours are normal.",
    ),
    Code(
        "SP445",
        "a backend that is not the one that the catalog knows",
        "It answers, but its permanent id differs from the one that an apply confirmed, or its store is missing: a disk is"
        " not mounted, or the wrong one is. Or an older snapplan made the catalog, and none of the snapshots in it is"
        " there. The backend is skipped: nothing is planned for it, no store is made there, and none of its snapshots"
        " count as missing.",
        "Mount the disk, or correct the backend in snapplan.yaml. If another store is meant: snapplan accept BACKEND"
        " --reason TEXT.",
    ),
    Code(
        "SP446",
        "a store that cannot be locked",
        "Two processes that write to one store at once would lose snapshots, so a store is locked by the kernel. The"
        " filesystem of this one has no locks, or its locks stay on this machine although other machines may write there"
        " (sshfs, 9p, cifs, NFS without locks). Nothing is written.",
        "Put the store on another filesystem. Where no other machine writes to it, store_lock: local of the backend says"
        " so.",
    ),
    Code(
        "SP449",
        "a target that may still be frozen",
        "Its thaw command failed, or the run that froze it died before it could thaw it. Its I/O may hang. The run ends"
        " with 7, and plan and status show it until a thaw worked.",
        "Thaw it by hand if it hangs, and repair the thaw command. The next apply runs it again.",
    ),
)
