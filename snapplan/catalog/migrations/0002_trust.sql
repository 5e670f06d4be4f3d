-- What saved plans, guards and the chained record of runs need.

ALTER TABLE meta ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE meta ADD COLUMN rebuilt_at INTEGER;
ALTER TABLE meta ADD COLUMN guards TEXT NOT NULL DEFAULT '{}';
ALTER TABLE meta ADD COLUMN policy_commit TEXT;
-- A clock that nobody sets, as it stood when `high_water` was confirmed: seconds since the boot of that id.
ALTER TABLE meta ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE meta ADD COLUMN boot_seconds REAL;
-- The newest entry of the record, so that one that was cut off is missed.
ALTER TABLE meta ADD COLUMN record_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN record_hash TEXT NOT NULL DEFAULT '';
UPDATE meta SET id = lower(hex(randomblob(8)));

-- Whether an apply accepted that it is gone; what was gone before there were guards is accepted.
ALTER TABLE backend ADD COLUMN accepted_at INTEGER;
ALTER TABLE snapshot ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
UPDATE snapshot SET accepted = 1 WHERE gone_at IS NOT NULL;
UPDATE target SET accepted = 1 WHERE gone_at IS NOT NULL;
CREATE INDEX target_gone ON target (gone_at) WHERE gone_at IS NOT NULL;

ALTER TABLE run ADD COLUMN plan_id TEXT;
ALTER TABLE run ADD COLUMN plan_digest TEXT;
-- Which guards were lifted, as a JSON list of codes, and why.
ALTER TABLE run ADD COLUMN allowed TEXT NOT NULL DEFAULT '[]';
ALTER TABLE run ADD COLUMN reason TEXT NOT NULL DEFAULT '';

ALTER TABLE action ADD COLUMN foreseen INTEGER NOT NULL DEFAULT 1;
CREATE INDEX action_unforeseen ON action (at) WHERE NOT foreseen;

-- The plan that a run was approved to carry out, as JSON; `apply --resume` works from it. Apart from `run`, as it is large.
CREATE TABLE approved_plan (
    run INTEGER PRIMARY KEY REFERENCES run (number),
    document TEXT NOT NULL
);

CREATE TABLE saved_plan (
    digest TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    saved_by TEXT NOT NULL
) WITHOUT ROWID;

-- `run` is the first that used it, `at` when that began; the rows outlive the runs.
CREATE TABLE used_plan (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX used_plan_by_digest ON used_plan (digest);

-- Append-only: `hash` is over `previous`, `number`, `at`, `kind`, `run` and `body`.
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    run INTEGER,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
