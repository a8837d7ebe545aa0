-- One table per topic of records. A record may be written more than once; its id is the end of the sorting key, so
-- ReplacingMergeTree keeps one copy and FINAL reads one. Every read names the organisation, which comes first.
-- Money is an exact count of nano-dollars. Each row says where in the log it is from. Months follow a time that is the
-- same in every copy of a record.

CREATE TABLE IF NOT EXISTS cost_events
(
    org_id LowCardinality(String),
    call_id String,
    kind LowCardinality(String),
    run_id String,
    step_id String,
    workflow_name LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    amount_nano Int64,
    amount_usd Decimal(38, 9) ALIAS toDecimal128(amount_nano, 9) / 1000000000,
    booked_at DateTime64(3, 'UTC'),
    input_tokens Int64,
    output_tokens Int64,
    price_version LowCardinality(String),
    tags Map(String, String),
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64,
    -- The first settlement of a call stands, as in the fold of budgets: the lowest offset is the highest version.
    _precedence UInt64 MATERIALIZED 18446744073709551615 - _offset
)
ENGINE = ReplacingMergeTree(_precedence)
PARTITION BY toYYYYMM(booked_at)
ORDER BY (org_id, run_id, call_id, kind);

CREATE TABLE IF NOT EXISTS provider_calls
(
    org_id LowCardinality(String),
    call_id String,
    request_id String,
    run_id String,
    step_id String,
    attempt Int64,
    workflow_name LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    outcome LowCardinality(String),
    error_code LowCardinality(String),
    cached Bool,
    input_tokens Int64,
    output_tokens Int64,
    cost_nano Int64,
    cost_usd Decimal(38, 9) ALIAS toDecimal128(cost_nano, 9) / 1000000000,
    price_version LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    latency_ms Float64,
    idempotency_key String,
    capture LowCardinality(String),
    request String CODEC(ZSTD(3)),
    response String CODEC(ZSTD(3)),
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, run_id, call_id);

CREATE TABLE IF NOT EXISTS trace_spans
(
    org_id LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    run_id String,
    name LowCardinality(String),
    kind LowCardinality(String),
    started_at DateTime64(9, 'UTC'),
    ended_at DateTime64(9, 'UTC'),
    duration_ms Float64 ALIAS (toUnixTimestamp64Nano(ended_at) - toUnixTimestamp64Nano(started_at)) / 1000000,
    status LowCardinality(String),
    status_message String,
    attributes String CODEC(ZSTD(3)),
    record_id String,
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, trace_id, span_id);

CREATE TABLE IF NOT EXISTS step_events
(
    org_id LowCardinality(String),
    run_id String,
    step_id String,
    version Int64,
    node_id String,
    kind LowCardinality(String),
    state LowCardinality(String),
    attempt Int64,
    workflow_name LowCardinality(String),
    workflow_version Int64,
    run_status LowCardinality(String),
    submitted_at DateTime64(3, 'UTC'),
    requested_at Nullable(DateTime64(3, 'UTC')),
    started_at Nullable(DateTime64(3, 'UTC')),
    finished_at Nullable(DateTime64(3, 'UTC')),
    provider LowCardinality(String),
    model LowCardinality(String),
    worker_id LowCardinality(String),
    cached Bool,
    input_tokens Int64,
    output_tokens Int64,
    cost_nano Int64,
    cost_usd Decimal(38, 9) ALIAS toDecimal128(cost_nano, 9) / 1000000000,
    error_code LowCardinality(String),
    error_message String,
    waiting_for LowCardinality(String),
    tags Map(String, String),
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64
)
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(submitted_at)
ORDER BY (org_id, run_id, step_id, version);
