CREATE TABLE _jobs (
    -- Not used twice, so an id in a log stays the id of that job.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    -- 0 scheduled, 1 ready, 2 running, 3 done, 4 dead, 5 cancelled
    state       INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    -- Times are milliseconds since 1970.
    run_at      INTEGER NOT NULL,
    -- How often a handler failed, and how often it may.
    attempt     INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL,
    -- How often the process died while the job ran, and how often it may.
    crash       INTEGER NOT NULL DEFAULT 0,
    crashes     INTEGER NOT NULL,
    worker      INTEGER,
    -- 1: it is to be cancelled while it runs.
    is_unwanted INTEGER NOT NULL DEFAULT 0,
    unique_key  TEXT,
    payload     TEXT    NOT NULL,
    traceparent TEXT,
    progress    TEXT,
    result      TEXT,
    error       TEXT,
    enqueued_at INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
-- With the version, so that jobs of newer processes are passed over without a look at the table.
CREATE INDEX _jobs_ready ON _jobs (name, priority DESC, run_at, id, version) WHERE state = 1 AND crash = 0;
CREATE INDEX _jobs_suspect ON _jobs (run_at) WHERE state = 1 AND crash > 0;
CREATE INDEX _jobs_scheduled ON _jobs (run_at) WHERE state = 0;
CREATE INDEX _jobs_running ON _jobs (worker) WHERE state = 2;
CREATE INDEX _jobs_ended ON _jobs (state, ended_at) WHERE state > 2;
CREATE UNIQUE INDEX _jobs_unique ON _jobs (name, unique_key) WHERE unique_key IS NOT NULL AND state < 3;

CREATE TABLE _job_workers (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The process: its machine, number and start.
    process TEXT    NOT NULL,
    -- Grows while the worker lives.
    beat    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE _job_queues (
    name TEXT    PRIMARY KEY,
    -- When the queue will have its whole rate again.
    full INTEGER NOT NULL
) STRICT;
