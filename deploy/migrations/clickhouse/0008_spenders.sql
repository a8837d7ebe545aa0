-- Which node and prompt a call was made for, so that a new budget of either finds its cost.
ALTER TABLE cost_events
    ADD COLUMN IF NOT EXISTS node_id LowCardinality(String),
    ADD COLUMN IF NOT EXISTS prompt_name LowCardinality(String);
