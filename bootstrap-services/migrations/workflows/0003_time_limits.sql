-- How long the whole workflow may take, in milliseconds: each retry has this time anew.
ALTER TABLE _flows ADD COLUMN time_limit INTEGER;
-- Of a workflow that was retried, this is too much.
UPDATE _flows SET time_limit = deadline - started_at WHERE deadline IS NOT NULL;
