-- What a snapshot is worth, where a target lies, which store a backend has, and what people accepted.

ALTER TABLE trait ADD COLUMN damage TEXT NOT NULL DEFAULT '';
ALTER TABLE trait ADD COLUMN suspicion TEXT NOT NULL DEFAULT '';
ALTER TABLE trait ADD COLUMN gaps TEXT NOT NULL DEFAULT '';
ALTER TABLE trait ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trait ADD COLUMN stray TEXT NOT NULL DEFAULT '';
ALTER TABLE trait ADD COLUMN mark_store TEXT;

-- JSON: [path, kind, inode, mounted, filesystem]; and the ids of the targets inside.
ALTER TABLE target ADD COLUMN fingerprint TEXT;
ALTER TABLE target ADD COLUMN inside TEXT;

-- The backend's own permanent id, as the last confirmed apply found it.
ALTER TABLE backend ADD COLUMN identity TEXT NOT NULL DEFAULT '';

-- Sentences for the operator that a driver said of an action, as a JSON list.
ALTER TABLE action ADD COLUMN notices TEXT NOT NULL DEFAULT '[]';

-- The same of a run as a whole, such as what a recovery could not put right.
ALTER TABLE run ADD COLUMN notices TEXT NOT NULL DEFAULT '[]';

-- What a target was called when its assignment selected it: whatever it is called later, that name keeps selecting it.
ALTER TABLE assignment ADD COLUMN name TEXT NOT NULL DEFAULT '';
UPDATE assignment SET name = ifnull((
    SELECT name FROM target WHERE target.backend = assignment.backend AND target.id = assignment.target_id
), '');

-- A target that a restore gave a new id: assignments, slots, pins and guards follow it.
CREATE TABLE succession (
    backend TEXT NOT NULL,
    old_id TEXT NOT NULL,
    new_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (backend, old_id)
) WITHOUT ROWID;

-- What a person said is right: `subject` is a target's address or a backend, `kind` what about it (content, path, name,
-- store), `value` what it was then.
CREATE TABLE accepted (
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    run INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (subject, kind)
) WITHOUT ROWID;

-- What a guard stopped stays stopped until it is allowed or is planned no more. `subject` is the action's own identity.
CREATE TABLE blocked (
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (code, subject)
) WITHOUT ROWID;
