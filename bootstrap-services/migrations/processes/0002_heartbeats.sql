-- In milliseconds: the heartbeat that the process was started with, 0 for none. A process that is adopted is judged by it.
ALTER TABLE _processes ADD COLUMN heartbeat INTEGER;
