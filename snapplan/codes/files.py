"""SP1xx: the files themselves, such as YAML, keys and types."""

from __future__ import annotations

from snapplan.codes.code import Code

FILES = (
    Code(
        "SP100",
        "a file cannot be read",
        "What it says is unknown, so nothing of the policy is applied. Only regular files are read; pipes, devices and"
        " sockets are not opened.",
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
        "The file is beyond what a policy needs; reading it could exhaust the machine. A file holds 4 MiB at most, all"
        " files together 64 MiB, and include leads to 10,000 policy files and 200,000 files and folders at most.",
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
        "Policy comes from the reviewed files only; a link or path that leads elsewhere is not followed. A link to another"
        " file of the repository is, a link into .git or to a folder is not.",
        "Put the file below the folder of snapplan.yaml.",
    ),
    Code(
        "SP114",
        "a policy file is missing",
        "What it should protect is not protected. A repository without any policy file, and a file that include names"
        " literally, are errors: after a bad merge or in a sparse checkout an apply would end that protection. A glob that"
        " matches nothing is a warning.",
        "Bring the file back, or correct include; it counts from the folder of snapplan.yaml.",
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
    Code(
        "SP119",
        "a key that is not trusted",
        "With --trust REV the snapplan.yaml of that commit is used, and the files that it names by relative paths. The"
        " checkout's differs: what it says is shown, and no host, file or catalog of it is contacted. Of guards the"
        " stricter value counts.",
        "Review the change with the eyes of somebody who is asked for a password. Once it is merged, plan again.",
    ),
)
