-- Why the rules decided as they did: why a step was skipped.
ALTER TABLE step_run ADD COLUMN note text;
