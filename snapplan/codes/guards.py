"""SP3xx: guards, which stop their own kind of action before a plan does more than anybody meant."""

from __future__ import annotations

from snapplan.codes.code import Code

GUARDS = (
    Code(
        "SP301",
        "max_expire: more expiries than anybody could foresee",
        "Counts, per backend, the expiries and shortenings that the recorded expirations did not announce: of a"
        " shorter retention with retroactive, a lower min_snapshots, a manual snapshot's expires brought forward,"
        " orphans, adopted snapshots, and all that ended while the clock was in doubt. What this plan would do and"
        " what was done in the last 30 days together may be 20 % of the owned complete snapshots (those already spent"
        " count in both), at least 3; and in any 24 hours 500. After a rebuild of the catalog half of both counts as"
        " used. A slip in a retention, or many small steps, would otherwise take restore points away for good. All of"
        " these are stopped on that backend; the rest is done.",
        "Look at the line that the message names. If it is meant: snapplan apply --allow SP301 --reason TEXT, once;"
        " or guards: {max_expire: {percent: 40, per_day: 1000}}, which holds after the next apply that nothing"
        " blocks.",
    ),
    Code(
        "SP302",
        "max_expire_scheduled: more foreseen expiries than schedules explain",
        "Counts, per backend, the foreseen expiries of snapshots that were over before the last confirmed apply and"
        " stayed: something let go of them all at once, such as pins that were taken away. What ended since that"
        " apply is on time and does not count, so that no schedule and no outage trips this guard. The snapshots of"
        " one manual key, and of one custom period, count as one. The limit is the greatest of 10, 20 % of the owned"
        " complete snapshots, and three times the snapshots of the last 24 hours and of this plan plus the slots that"
        " were missed. Only those that were over before are stopped.",
        "Look why they were kept until now: snapplan list runs. If it is meant: snapplan apply --allow SP302 --reason"
        " TEXT, once; or guards: {max_expire_scheduled: {percent: 40}}.",
    ),
    Code(
        "SP303",
        "last_copy: a target would lose its last snapshot",
        "An expiry that nobody could foresee (see SP301) would leave a target without any complete owned snapshot."
        " Those that this plan takes do not count, as they may fail. All unforeseen expiries of that target are"
        " stopped, and it has no limit to set.",
        "Take a snapshot first, or pin the one to keep. If it is meant: snapplan apply --allow SP303 --reason TEXT.",
    ),
    Code(
        "SP304",
        "max_unassign: the protection of many targets ends",
        "Counts, per backend, the targets that still exist and had a profile, and to which none applies any more. Up"
        " to 10 % of the backend's assigned targets, at least 3, may end in 30 days: what applies of the last 30 days"
        " ended counts with what is planned, unless it is protected again. An assignment that selected targets before and"
        " selects none of them now, or that is gone from the policy and leaves its targets without any profile, trips it"
        " whatever the limit: a tag listing came back empty, a tag was renamed, a policy file was lost in a merge. What"
        " is gone from the backend does not count, nor what moved: renames. The end of protection and the expiry of"
        " orphans of these targets are stopped, so that they stay as they are.",
        "See with snapplan list targets whether the names and tags are as the policy expects. If it is meant:"
        " snapplan apply --allow SP304 --reason TEXT, once; or guards: {max_unassign: {percent: 50}}.",
    ),
    Code(
        "SP305",
        "inventory: much of a backend is gone",
        "Counts, per backend, the targets and the owned, unexpired snapshots that are gone since the last apply"
        " although no apply removed them. From 20 % of what was known on, at least 5, of either, every expiry, every"
        " shortening and every end of protection on that backend is stopped: what is left may be all there is."
        " Snapshots are taken all the same. A backend that does not answer, or answers in part, is left out and"
        " counts for nothing here.",
        "Find out where they went: snapplan plan lists them as drift. If it is known: snapplan apply --allow SP305"
        " --reason TEXT accepts the loss; or guards: {inventory: {percent: 40}}.",
    ),
    Code(
        "SP306",
        "clock: the time cannot be believed",
        "The clock is more than 5 minutes before the last confirmed apply: nothing is due and nothing expires. Or it"
        " is more than a day beyond it, and no other clock is within an hour of it: then nothing at all is done, as a"
        " clock that runs ahead lets everything expire. Or another clock differs from it by more than 5 minutes: then"
        " nothing expires until they agree, on one backend where that is the backend's own clock, on all where it is this"
        " machine's; snapshots go on, and it ends with 3 where something is stopped, or after 24 hours. Other clocks are"
        " that of a backend, the time since the last apply by this machine's clock since boot, which counts while it"
        " sleeps, and whether the kernel is synchronised by NTP, in this order for the machine. A run with this guard"
        " blocked for this machine confirms no time.",
        "Set the clock right, for example with NTP. If it is right: snapplan apply --allow SP306 --reason TEXT, or"
        " snapplan catalog clock --set --reason TEXT. What"
        " ended since the last apply then still counts as unforeseen (SP301).",
    ),
    Code(
        "SP307",
        "quiesce: frozen I/O is required and impossible now",
        "A period or a manual snapshot says quiesce: require, and the target cannot be frozen at present: no guest"
        " agent answers, or no freeze command is configured. That snapshot is not taken, nor the rest of its set, and"
        " what waits for it is not done; all else is. It is tried again with every run until the next slot.",
        "Mend the agent or add quiesce_commands. To take it unfrozen: snapplan apply --allow SP307 --reason TEXT, or"
        " quiesce: prefer in the policy.",
    ),
    Code(
        "SP308",
        "shared_target: another project snapshots a target of ours",
        "A target to which the policy applies a profile also has snapshots with the mark of another snapplan project."
        " Two projects on one target take twice as many, and each takes the other's for none. Nothing is done with"
        " that target, except adopting what the other project left.",
        "Leave the target to one project: take it out of one of the assignments. If the other project is gone, take"
        " its snapshots over with snapplan adopt. If both are meant: snapplan apply --allow SP308 --reason TEXT.",
    ),
    Code(
        "SP309",
        "suspicious: the content of a target has vanished",
        "When its newest snapshot was taken, the target was empty although it had held files, or it was no mount point any"
        " more or another filesystem, with less than half of its entries. Perhaps a disk is not mounted. Such a"
        " snapshot is kept, satisfies its slot, counts for no minimum and lets no other one expire. Until a snapshot is"
        " taken that is not suspicious, nothing of that target expires or is shortened: the older ones may be all that is"
        " left.",
        "Mount the disk, or bring the content back; the next snapshot ends it. If the content is right as it is: snapplan"
        " accept TARGET --reason TEXT. A target that is empty now and then: may_be_empty: true.",
    ),
    Code(
        "SP310",
        "moved_target: a target lies elsewhere than it did",
        "The real path of a target has changed since the last refresh: somebody put a link in its place, or in place of a"
        " folder above it. A snapshot might not hold its data, and a restore would write to another place. The target is"
        " neither captured nor restored, and none of its snapshots expire, until a person accepts the change. A new inode"
        " at the same path is harmless.",
        "Look where it leads. If it is right: snapplan accept TARGET --reason TEXT. --allow does not lift this.",
    ),
)
