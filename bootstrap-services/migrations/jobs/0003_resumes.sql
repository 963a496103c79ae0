-- The workflow that the job resumes. It is not cancelled by itself.
ALTER TABLE _jobs ADD COLUMN resumes TEXT;
