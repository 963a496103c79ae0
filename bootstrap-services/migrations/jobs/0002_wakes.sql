-- A scheduled job that becomes ready when this one has ended, however it ended: in the same transaction.
ALTER TABLE _jobs ADD COLUMN wakes INTEGER;
CREATE TRIGGER _jobs_wake AFTER UPDATE OF state ON _jobs WHEN NEW.state > 2 AND OLD.state < 3 AND NEW.wakes IS NOT NULL
BEGIN
    UPDATE _jobs SET state = 1, run_at = coalesce(NEW.ended_at, NEW.run_at) WHERE id = NEW.wakes AND state = 0;
END;
