-- The run whose result a step began with, see `schemas.records.run_events.Reused`.
ALTER TABLE step_run ADD COLUMN reused_from text;
