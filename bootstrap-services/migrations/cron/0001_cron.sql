-- The occurrence of each schedule that was claimed last, in milliseconds since 1970.
CREATE TABLE _cron (
    name TEXT PRIMARY KEY NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
