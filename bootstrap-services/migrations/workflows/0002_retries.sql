-- The step whose error ended the workflow: a retry begins with it.
ALTER TABLE _flows ADD COLUMN failed_step TEXT;
-- 1: what came after that step before a retry. The code may go another way now, and not reach it.
ALTER TABLE _flow_steps ADD COLUMN is_optional INTEGER NOT NULL DEFAULT 0;
