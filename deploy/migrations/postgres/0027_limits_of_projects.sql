-- How many runs of an organisation's projects, by their ids, may run at once.
ALTER TABLE run_limits ADD COLUMN projects jsonb NOT NULL DEFAULT '{}';
