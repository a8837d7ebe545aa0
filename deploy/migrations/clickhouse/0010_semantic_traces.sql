-- What spans time and whose they are, as columns, so that queries over traces read no attributes. Cost and tokens are a
-- span's own: only spans of calls have any, so they can be added up. Links and phases are JSON lists.
ALTER TABLE trace_spans
    ADD COLUMN IF NOT EXISTS type LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS step_id String DEFAULT '',
    ADD COLUMN IF NOT EXISTS attempt Int64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS workflow_name LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS provider LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS model LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS cost_nano Int64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS input_tokens Int64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS output_tokens Int64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS error_code LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS input_hash String DEFAULT '',
    ADD COLUMN IF NOT EXISTS output_hash String DEFAULT '',
    ADD COLUMN IF NOT EXISTS session_id String DEFAULT '',
    ADD COLUMN IF NOT EXISTS user_id String DEFAULT '',
    ADD COLUMN IF NOT EXISTS tags Map(String, String),
    ADD COLUMN IF NOT EXISTS links String DEFAULT '' CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS phases String DEFAULT '' CODEC(ZSTD(3));
