"""SP45x: what a platform's own schedule meets."""

from __future__ import annotations

from snapplan.codes.code import Code

PLATFORMS = (
    Code(
        "SP450",
        "a platform's schedule that was not read",
        "What the platform schedules by itself is not in the catalog, so nothing is planned for it without a refresh.",
        "Leave --no-refresh out.",
    ),
    Code(
        "SP451",
        "two profiles on a target whose platform takes one",
        "A platform such as VergeOS assigns one profile to a target. Which of the two was meant cannot be known, so the"
        " target's assignment stays as it is.",
        "Exclude the target from one assignment, or write schedule: snapplan in it: what snapplan takes itself may come"
        " from"
        " any number of profiles. Another way is one profile with the periods of both.",
    ),
    Code(
        "SP452",
        "a profile that the platform cannot schedule",
        "The platform has no such period: another time zone than its own, cron, custom, skip_missed or the last day of the"
        " month. The profile and its assignments there stay as they are.",
        "Write schedule: snapplan in the assignment, and run snapplan apply from a timer. The platform's own time zone is"
        " the"
        " key timezone of the backend.",
    ),
    Code(
        "SP453",
        "a profile of the platform that snapplan did not make",
        "It has the name of a profile of the policy and differs from it. Others may rely on it, so it is left as it is, and"
        " so"
        " are the assignments of this profile there.",
        "snapplan adopt BACKEND/profile/NAME makes it ours: the next plan shows what would change. Or give the policy's"
        " profile another platform_name.",
    ),
    Code(
        "SP454",
        "an assignment that this system's API does not offer",
        "What the target is to have can be neither read nor written there.",
        "Assign the profile in the platform's own interface, or write schedule: snapplan in the assignment.",
    ),
    Code(
        "SP455",
        "a target that has somebody else's profile",
        "Its snapshots would end with that assignment, and who made it may need them.",
        "take_over: true in the assignment replaces it; the snapshots that it took stay.",
    ),
    Code(
        "SP456",
        "a profile of ours on a target that no assignment selects",
        "Somebody assigned it on the platform. It stays: taking it away would end a protection that somebody wants.",
        "Select the target in an assignment, or take the profile away on the platform.",
    ),
    Code(
        "SP457",
        "a profile that the policy has no more and that is still used",
        "It stays until nothing on the platform uses it.",
        "Take it away from what the message names, on the platform or by an assignment of another profile; the next apply"
        " deletes it.",
    ),
    Code(
        "SP458",
        "a period that ends on a platform, with snapshots that it took",
        "The platform forgets with the period how many of its snapshots were to be held, and which snapshots it took: they"
        " go at their expirations, also the last ones, and count as foreign until then.",
        "Where they are the last ones of a target, take a manual snapshot first. A period that only got another key keeps"
        " its snapshots when platform_name says what it was called.",
    ),
    Code(
        "SP459",
        "a profile that the policy has no more and whose snapshots are still there",
        "Without it the platform would let the last ones go at their expirations, and nobody could tell whose they are. It"
        " stays on the platform, assigned to nothing.",
        "Nothing, if they may stay. orphans: in snapplan.yaml says when the last ones go; the next plan then deletes"
        " the profile. Snapshots of volumes do not tell what took them: delete the last ones on the platform.",
    ),
)
