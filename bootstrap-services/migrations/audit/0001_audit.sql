CREATE TABLE _audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Milliseconds since 1970.
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT,
    target_kind TEXT,
    target TEXT,
    request TEXT,
    -- JSON.
    details TEXT
) STRICT;

CREATE INDEX _audit_at ON _audit (at);
CREATE INDEX _audit_actor ON _audit (actor, id);
CREATE INDEX _audit_target ON _audit (target_kind, target, id);
CREATE INDEX _audit_action ON _audit (action, id);

-- Entries that are older than this may be deleted.
CREATE TABLE _audit_kept (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL
) STRICT;
INSERT INTO _audit_kept VALUES (1, 0);

CREATE TRIGGER _audit_update BEFORE UPDATE ON _audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log can''t be changed');
END;

-- `INSERT OR REPLACE` deletes without the trigger for that.
CREATE TRIGGER _audit_replace BEFORE INSERT ON _audit
WHEN EXISTS (SELECT 1 FROM _audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log can''t be replaced');
END;

CREATE TRIGGER _audit_delete BEFORE DELETE ON _audit
WHEN OLD.at >= (SELECT coalesce(max(since), 0) FROM _audit_kept)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log can''t be deleted before `audit.keep` has passed');
END;
