"""SP5xx: saved plans, what an apply may do with them, and policies that are older than what was applied."""

from __future__ import annotations

from snapplan.codes.code import Code

_AGAIN = "Make a new plan and have it approved."

SAVED = (
    Code(
        "SP501",
        "not a plan, or one that was changed",
        "The checksum, the form or the digest is not what snapplan wrote. Nothing is done.",
        "Carry out the file as it was written, or make a new plan. A plan is edited by editing the policy.",
    ),
    Code(
        "SP502",
        "a plan of another format",
        "It was made by another version of snapplan, which may mean something else by it. Nothing is done.",
        "Carry it out with the version that made it, or make a new plan.",
    ),
    Code(
        "SP503",
        "a plan of another project or catalog",
        "What the plan counted on, such as which slots were taken and which plans were used, is not known here. A rebuilt"
        " catalog counts as another one, and one in memory ends with its command. Nothing is done.",
        _AGAIN,
    ),
    Code(
        "SP504",
        "a plan that was used",
        "A plan is carried out once; the same plan again, or one that does the same as what was done since, would be a"
        " second approval that nobody gave. Nothing is done.",
        "Make a new plan. A run that did not end goes on with snapplan apply --resume RUN.",
    ),
    Code(
        "SP505",
        "a plan of another time",
        "It expires or restores something and is older than max_plan_age, or it was made for an instant that is still to"
        " come. Nothing is done.",
        _AGAIN,
    ),
    Code(
        "SP506",
        "a plan of another policy",
        "The policy resolves to something else than when the plan was made. Descriptions, comments, objectives and the"
        " order of files do not count. Nothing is done.",
        "Make a new plan from this policy, or check out the one that was approved.",
    ),
    Code(
        "SP507",
        "a policy that is older than what was applied last",
        "The checkout or the plan is of a commit that is an ancestor of the one applied last: carrying it out would take"
        " back what was decided since, such as a longer retention. The same where the commit is unknown and one was applied"
        " before: the checkout belongs to another user, git is not installed, or the files are not in git. Nothing is"
        " done.",
        "Update the checkout. Where git cannot read it, name the commit with --commit SHA or SNAPPLAN_COMMIT. To go back"
        " on purpose, revert in git, or give --allow SP507 --reason TEXT.",
    ),
    Code(
        "SP508",
        "another system under a backend's name",
        "The plan was made of another system than the one that answers now, or the policy has no such backend any more."
        " Nothing is done.",
        "Correct the backend's address, or make a new plan.",
    ),
    Code(
        "SP509",
        "a witness is gone",
        "A snapshot was to expire because newer ones exist, and one of those is gone. Nothing is done.",
        "Find out who removed it, then make a new plan.",
    ),
    Code(
        "SP510",
        "another snapshot under the same address",
        "What was approved was about another snapshot than the one that has its name now. Nothing is done.",
        _AGAIN,
    ),
    Code(
        "SP511",
        "a restore that would do something else",
        "Its source is gone or another one now, or its target is. Nothing is done.",
        _AGAIN,
    ),
    Code(
        "SP512",
        "a plan that asked no backend",
        "It was made with --no-refresh, from what the catalog remembers. Nothing is done.",
        "Make a new plan without --no-refresh.",
    ),
    Code(
        "SP513",
        "a retention that was shortened after the fact",
        "With retroactive, a shorter retention takes snapshots away that were promised for longer. --auto-approve does not"
        " do that; all else is done, and the exit code is 3.",
        "Apply it at a terminal or as a saved plan, or give --allow SP513 --reason TEXT.",
    ),
    Code(
        "SP514",
        "no such plan",
        "No plan is saved under this digest, or the run has none. Nothing is done.",
        "Save one with snapplan plan --save. snapplan list runs shows the runs.",
    ),
    Code(
        "SP515",
        "commits that cannot be compared",
        "Git does not know whether the policy is older than what was applied last, such as in a shallow clone. An older"
        " checkout would not be noticed.",
        "Clone with the history, or run git fetch --unshallow. Where git cannot read the checkout, name the commit with"
        " --commit SHA or SNAPPLAN_COMMIT.",
    ),
    Code(
        "SP516",
        "a plan of an older format",
        "It was made by an older snapplan and does not say where its targets lie, so nobody could tell whether a target was"
        " replaced since. Nothing is done.",
        "Make a new plan.",
    ),
    Code(
        "SP517",
        "a target that lies elsewhere than when the plan was made",
        "The real path of the target is another one: a link was put in its place, or in that of a folder above. What would"
        " be captured is not what was approved. Nothing is done.",
        "Look where it leads, then make a new plan and have it approved.",
    ),
)
