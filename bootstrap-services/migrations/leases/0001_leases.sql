CREATE TABLE _leases (
    name TEXT PRIMARY KEY,
    -- The fencing token. It grows with each acquisition.
    token INTEGER NOT NULL,
    -- Grows with each change.
    beat INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    holder TEXT NOT NULL,
    -- Milliseconds.
    ttl INTEGER NOT NULL,
    -- Milliseconds since 1970, by the wall clock of the holder.
    renewed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE _occurrences (
    name TEXT PRIMARY KEY,
    -- Milliseconds since 1970.
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
