-- Instants are seconds since 1970-01-01 UTC. A row of `snapshot` or `target` that is gone stays for a while (`gone_at`):
-- what vanished outside is shown as drift, and what was expired must not come back through a listing that began earlier.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    project TEXT NOT NULL,
    revision INTEGER NOT NULL,
    high_water INTEGER,
    rebuilt INTEGER NOT NULL
);

CREATE TABLE profile (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    run INTEGER,
    applied_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tracked (
    backend TEXT NOT NULL,
    target_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    period TEXT NOT NULL,
    since INTEGER NOT NULL,
    last_slot INTEGER,
    PRIMARY KEY (backend, target_id, profile, period)
) WITHOUT ROWID;

CREATE TABLE orphaned (
    backend TEXT NOT NULL,
    target_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    period TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (backend, target_id, profile, period)
) WITHOUT ROWID;

CREATE TABLE assignment (
    backend TEXT NOT NULL,
    target_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    assignment TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    PRIMARY KEY (backend, target_id, profile)
) WITHOUT ROWID;

CREATE TABLE missed (
    backend TEXT NOT NULL,
    target_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    period TEXT NOT NULL,
    slot INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (backend, target_id, profile, period, slot)
) WITHOUT ROWID;

CREATE INDEX missed_by_slot ON missed (slot);

CREATE TABLE manual (
    backend TEXT NOT NULL,
    target_id TEXT NOT NULL,
    key TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (backend, target_id, key)
) WITHOUT ROWID;

CREATE TABLE restore (
    key TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    run TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE backend (
    name TEXT PRIMARY KEY,
    refreshed_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE target (
    backend TEXT NOT NULL,
    id TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    can_quiesce INTEGER NOT NULL,
    in_place_blocker TEXT NOT NULL,
    gone_at INTEGER,
    PRIMARY KEY (backend, id)
) WITHOUT ROWID;

-- What many snapshots have in common stands once: a row of `snapshot` then has half the columns, and 100,000 of them are
-- read in half the time.
CREATE TABLE trait (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    target_id TEXT NOT NULL,
    target_name TEXT NOT NULL,
    quiesced INTEGER,
    consistent INTEGER,
    managed INTEGER NOT NULL,
    in_use TEXT NOT NULL,
    contains TEXT,
    mark_project TEXT,
    mark_target_id TEXT,
    mark_profile TEXT,
    mark_period TEXT,
    mark_key TEXT,
    mark_minimum INTEGER,
    mark_pin TEXT
);

CREATE INDEX trait_by_target ON trait (target_id);

CREATE TABLE snapshot (
    backend TEXT NOT NULL,
    native_id TEXT NOT NULL,
    gone_at INTEGER,
    expired INTEGER NOT NULL DEFAULT 0,
    trait INTEGER NOT NULL REFERENCES trait (id),
    recorded_at INTEGER,
    decided_expires_at INTEGER,
    name TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    completed_at INTEGER,
    locked_until INTEGER,
    size INTEGER,
    mark_run TEXT,
    mark_taken_at INTEGER,
    mark_expires_at INTEGER,
    mark_slot INTEGER,
    mark_set TEXT,
    PRIMARY KEY (backend, native_id)
) WITHOUT ROWID;

CREATE INDEX snapshot_gone ON snapshot (gone_at) WHERE gone_at IS NOT NULL;

CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    user TEXT NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started TEXT NOT NULL,
    job TEXT NOT NULL,
    policy_commit TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    state TEXT NOT NULL
);

CREATE INDEX run_running ON run (number) WHERE state = 'running';

CREATE TABLE action (
    run INTEGER NOT NULL REFERENCES run (number),
    number INTEGER NOT NULL,
    verb TEXT NOT NULL,
    backend TEXT,
    target TEXT,
    snapshot TEXT,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    begun_at INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE lease (
    backend TEXT PRIMARY KEY,
    token INTEGER NOT NULL,
    held INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES run (number),
    heartbeat_at REAL NOT NULL,
    beat REAL NOT NULL,
    user TEXT NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started TEXT NOT NULL,
    job TEXT NOT NULL
) WITHOUT ROWID;
