CREATE TABLE videos (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    owner           TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('queued', 'in_progress', 'completed', 'failed')),
    progress        INTEGER NOT NULL DEFAULT 0,
    priority        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    completed_at    INTEGER,
    model           TEXT NOT NULL,
    size            TEXT NOT NULL,
    seconds         TEXT NOT NULL,
    remixed_from    TEXT,
    recipe          TEXT NOT NULL,
    error_code      TEXT,
    error_message   TEXT,
    attempt         INTEGER NOT NULL DEFAULT 0,
    losses          INTEGER NOT NULL DEFAULT 0,
    worker          TEXT,
    lease_until     INTEGER,
    idempotency_key TEXT,
    fingerprint     TEXT
) STRICT;

CREATE UNIQUE INDEX videos_by_request ON videos (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX videos_by_owner ON videos (owner, seq);
CREATE INDEX videos_in_turn ON videos (status, priority DESC, seq);

CREATE TABLE usage (
    owner  TEXT NOT NULL,
    day    INTEGER NOT NULL,
    videos INTEGER NOT NULL,
    PRIMARY KEY (owner, day)
) STRICT;

CREATE TABLE keys (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL UNIQUE,
    hash                BLOB NOT NULL UNIQUE,
    created_at          INTEGER NOT NULL,
    requests_per_minute INTEGER NOT NULL,
    videos_per_day      INTEGER
) STRICT;

CREATE TABLE notices (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,
    video      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER NOT NULL
) STRICT;
