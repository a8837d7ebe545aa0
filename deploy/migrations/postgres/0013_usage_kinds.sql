-- What a run and a step used besides tokens in and out, by kind; null when all counts are zero.
ALTER TABLE workflow_run ADD COLUMN kinds jsonb;
ALTER TABLE step_run ADD COLUMN kinds jsonb;
