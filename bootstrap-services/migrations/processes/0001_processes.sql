CREATE TABLE _processes (
    -- Never used again: it is the name of a socket.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    -- The folder of the instance that supervises it.
    folder TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Both for one start.
    token TEXT NOT NULL DEFAULT '',
    acknowledged INTEGER NOT NULL DEFAULT 0,
    metadata TEXT NOT NULL,
    identity TEXT,
    restarts INTEGER NOT NULL DEFAULT 0,
    exit_code INTEGER,
    exit_signal INTEGER,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE INDEX _processes_status ON _processes (folder, status);
