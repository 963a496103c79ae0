CREATE TABLE _flows (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    -- 0 active, 1 undoing, 2 done, 3 failed, 4 cancelled, 5 timed out
    state       INTEGER NOT NULL DEFAULT 0,
    -- The state that follows when all is undone.
    ending      INTEGER,
    input       TEXT    NOT NULL,
    result      TEXT,
    error       TEXT,
    -- Counts the times it was suspended: a job that resumes an older epoch has no effect.
    epoch       INTEGER NOT NULL DEFAULT 0,
    -- The job that runs it. NULL: it is suspended.
    job         TEXT,
    -- Counts the runs: what an older run writes has no effect.
    run         INTEGER NOT NULL DEFAULT 0,
    -- How many runs in a row have ended without a trace.
    crashes     INTEGER NOT NULL DEFAULT 0,
    -- 1: something that it may wait for has happened since its run began.
    is_woken    INTEGER NOT NULL DEFAULT 0,
    -- 1: it is to be cancelled.
    is_unwanted INTEGER NOT NULL DEFAULT 0,
    -- The workflow that waits for its end.
    parent      INTEGER,
    traceparent TEXT,
    -- Times are milliseconds since 1970.
    deadline    INTEGER,
    -- When it is, or was, to go on. NULL: it waits for something that has no time.
    due_at      INTEGER,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE INDEX _flows_due ON _flows (due_at) WHERE state < 2;
CREATE INDEX _flows_ended ON _flows (state, ended_at) WHERE state > 1;
CREATE INDEX _flows_name ON _flows (name, number);

CREATE TABLE _flow_steps (
    flow          INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    -- The order in which they were stored last.
    seq           INTEGER NOT NULL,
    -- 0 step, 1 sleep, 2 signal, 3 job, 4 workflow, 5 value
    kind          INTEGER NOT NULL,
    -- 0 open, 1 done, 2 failed
    state         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    result        TEXT,
    error         TEXT,
    -- The next attempt, or the end of a wait.
    due_at        INTEGER,
    -- The job or the workflow that it waits for, or the name of its signal.
    awaited       TEXT,
    -- 0 there is nothing to undo, 1 it can be undone, 2 it was undone, 3 that failed
    undo          INTEGER NOT NULL DEFAULT 0,
    undo_attempts INTEGER NOT NULL DEFAULT 0,
    began_at      INTEGER NOT NULL,
    ended_at      INTEGER,
    PRIMARY KEY (flow, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE _flow_signals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    flow   INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    value  TEXT    NOT NULL
) STRICT;
CREATE INDEX _flow_signals_name ON _flow_signals (flow, name, number);
