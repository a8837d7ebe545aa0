-- Spans again, light and by time: traces are found by when they were, and a search reads neither attributes nor the
-- spans of other times. `words` are what text is searched in; `prompt` and `run_status` come from attributes.
CREATE TABLE IF NOT EXISTS spans_by_time
(
    org_id LowCardinality(String),
    started_at DateTime64(9, 'UTC'),
    trace_id String,
    span_id String,
    parent_span_id String,
    run_id String,
    name LowCardinality(String),
    type LowCardinality(String),
    status LowCardinality(String),
    ended_at DateTime64(9, 'UTC'),
    step_id String,
    attempt Int64,
    workflow_name LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    cost_nano Int64,
    input_tokens Int64,
    output_tokens Int64,
    error_code LowCardinality(String),
    session_id String,
    user_id String,
    tags Map(String, String),
    prompt LowCardinality(String),
    run_status LowCardinality(String),
    words String CODEC(ZSTD(1)),
    _offset UInt64,
    INDEX session session_id TYPE bloom_filter GRANULARITY 1,
    INDEX user user_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, started_at, trace_id, span_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS spans_to_spans_by_time TO spans_by_time AS
SELECT
    org_id, started_at, trace_id, span_id, parent_span_id, run_id, name, type, status, ended_at, step_id, attempt,
    workflow_name, provider, model, cost_nano, input_tokens, output_tokens, error_code, session_id, user_id, tags,
    JSONExtractString(attributes, 'agentflow.prompt.ref') AS prompt,
    JSONExtractString(attributes, 'agentflow.run.status') AS run_status,
    lowerUTF8(concat(name, ' ', step_id, ' ', error_code, ' ', status_message)) AS words,
    _offset
FROM trace_spans;

INSERT INTO spans_by_time
SELECT
    org_id, started_at, trace_id, span_id, parent_span_id, run_id, name, type, status, ended_at, step_id, attempt,
    workflow_name, provider, model, cost_nano, input_tokens, output_tokens, error_code, session_id, user_id, tags,
    JSONExtractString(attributes, 'agentflow.prompt.ref'),
    JSONExtractString(attributes, 'agentflow.run.status'),
    lowerUTF8(concat(name, ' ', step_id, ' ', error_code, ' ', status_message)),
    _offset
FROM trace_spans;
