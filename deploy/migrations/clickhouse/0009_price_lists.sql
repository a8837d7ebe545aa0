-- What a model without a price was priced as, whose cost an amount is, and by how much a provider's own cost differs.
ALTER TABLE cost_events
    ADD COLUMN IF NOT EXISTS priced_as LowCardinality(String),
    ADD COLUMN IF NOT EXISTS cost_source LowCardinality(String),
    ADD COLUMN IF NOT EXISTS stated_difference_nano Int64;

ALTER TABLE provider_calls
    ADD COLUMN IF NOT EXISTS priced_as LowCardinality(String);
