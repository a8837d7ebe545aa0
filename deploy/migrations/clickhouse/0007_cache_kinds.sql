-- How an earlier answer stood in for a call (exact, stale, negative, semantic; empty of calls that were made), and the
-- cost of the call that gave it.
ALTER TABLE provider_calls
    ADD COLUMN IF NOT EXISTS cache_kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS saved_nano Int64;
