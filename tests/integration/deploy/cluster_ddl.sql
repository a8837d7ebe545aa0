-- One table per topic of records. A record may be written more than once; its id is the end of the sorting key, so
-- ReplacingMergeTree keeps one copy and FINAL reads one. Every read names the organisation, which comes first.
-- Money is an exact count of nano-dollars. Each row says where in the log it is from. Months follow a time that is the
-- same in every copy of a record.

CREATE TABLE IF NOT EXISTS cost_events ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _precedence)
PARTITION BY toYYYYMM(booked_at)
ORDER BY (org_id, run_id, call_id, kind);

CREATE TABLE IF NOT EXISTS provider_calls ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, run_id, call_id);

CREATE TABLE IF NOT EXISTS trace_spans ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, trace_id, span_id);

CREATE TABLE IF NOT EXISTS step_events ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _offset)
PARTITION BY toYYYYMM(submitted_at)
ORDER BY (org_id, run_id, step_id, version);

-- Rollups read deduplicated rows when asked, so a record written twice never counts twice.

-- What each call did cost in the end: its actual settlement, or the presumed one until that comes.
CREATE VIEW IF NOT EXISTS settled_costs ON CLUSTER `main` AS
SELECT
    org_id,
    run_id,
    call_id,
    argMax(e.kind, e.kind = 'actual') AS settled_as,
    argMax(e.step_id, e.kind = 'actual') AS step_id,
    argMax(e.workflow_name, e.kind = 'actual') AS workflow_name,
    argMax(e.provider, e.kind = 'actual') AS provider,
    argMax(e.model, e.kind = 'actual') AS model,
    argMax(e.amount_nano, e.kind = 'actual') AS amount_nano,
    argMax(e.booked_at, e.kind = 'actual') AS booked_at,
    argMax(e.input_tokens, e.kind = 'actual') AS input_tokens,
    argMax(e.output_tokens, e.kind = 'actual') AS output_tokens
FROM cost_events AS e FINAL
GROUP BY org_id, run_id, call_id;

CREATE VIEW IF NOT EXISTS cost_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(s.booked_at) AS hour,
    workflow_name,
    provider,
    model,
    count() AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, hour, workflow_name, provider, model;

CREATE VIEW IF NOT EXISTS calls_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(p.started_at) AS hour,
    provider,
    model,
    outcome,
    count() AS calls,
    countIf(p.cached) AS cached_calls,
    quantiles(0.5, 0.95, 0.99)(p.latency_ms) AS latency_ms
FROM provider_calls AS p FINAL
GROUP BY org_id, hour, provider, model, outcome;

-- A call that surely did not happen is settled at nothing, so that the log knows its end; it counts as no call here.
CREATE OR REPLACE VIEW cost_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(s.booked_at) AS hour,
    workflow_name,
    provider,
    model,
    countIf(s.amount_nano > 0) AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, hour, workflow_name, provider, model;

-- Usage in all kinds. Rows from before have zeros, as their records do.
ALTER TABLE cost_events ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS cache_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_1h_tokens Int64,
    ADD COLUMN IF NOT EXISTS reasoning_tokens Int64,
    ADD COLUMN IF NOT EXISTS citation_tokens Int64,
    ADD COLUMN IF NOT EXISTS tool_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_audio_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_image_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS web_searches Int64,
    ADD COLUMN IF NOT EXISTS storage_searches Int64,
    ADD COLUMN IF NOT EXISTS billed_units Int64;

ALTER TABLE provider_calls ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS cache_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_1h_tokens Int64,
    ADD COLUMN IF NOT EXISTS reasoning_tokens Int64,
    ADD COLUMN IF NOT EXISTS citation_tokens Int64,
    ADD COLUMN IF NOT EXISTS tool_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_audio_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_image_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS web_searches Int64,
    ADD COLUMN IF NOT EXISTS storage_searches Int64,
    ADD COLUMN IF NOT EXISTS billed_units Int64,
    ADD COLUMN IF NOT EXISTS notes String;

ALTER TABLE step_events ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS cache_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_write_1h_tokens Int64,
    ADD COLUMN IF NOT EXISTS reasoning_tokens Int64,
    ADD COLUMN IF NOT EXISTS citation_tokens Int64,
    ADD COLUMN IF NOT EXISTS tool_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_audio_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_audio_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_image_tokens Int64,
    ADD COLUMN IF NOT EXISTS cache_image_read_tokens Int64,
    ADD COLUMN IF NOT EXISTS input_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS output_video_tokens Int64,
    ADD COLUMN IF NOT EXISTS web_searches Int64,
    ADD COLUMN IF NOT EXISTS storage_searches Int64,
    ADD COLUMN IF NOT EXISTS billed_units Int64;

-- What each call did cost in the end: its actual settlement, or the presumed one until that comes.
CREATE OR REPLACE VIEW settled_costs ON CLUSTER `main` AS
SELECT
    org_id,
    run_id,
    call_id,
    argMax(e.kind, e.kind = 'actual') AS settled_as,
    argMax(e.step_id, e.kind = 'actual') AS step_id,
    argMax(e.workflow_name, e.kind = 'actual') AS workflow_name,
    argMax(e.provider, e.kind = 'actual') AS provider,
    argMax(e.model, e.kind = 'actual') AS model,
    argMax(e.amount_nano, e.kind = 'actual') AS amount_nano,
    argMax(e.booked_at, e.kind = 'actual') AS booked_at,
    argMax(e.input_tokens, e.kind = 'actual') AS input_tokens,
    argMax(e.output_tokens, e.kind = 'actual') AS output_tokens,
    argMax(e.cache_read_tokens, e.kind = 'actual') AS cache_read_tokens,
    argMax(e.cache_write_tokens, e.kind = 'actual') AS cache_write_tokens,
    argMax(e.cache_write_1h_tokens, e.kind = 'actual') AS cache_write_1h_tokens,
    argMax(e.reasoning_tokens, e.kind = 'actual') AS reasoning_tokens,
    argMax(e.citation_tokens, e.kind = 'actual') AS citation_tokens,
    argMax(e.tool_tokens, e.kind = 'actual') AS tool_tokens,
    argMax(e.input_audio_tokens, e.kind = 'actual') AS input_audio_tokens,
    argMax(e.output_audio_tokens, e.kind = 'actual') AS output_audio_tokens,
    argMax(e.cache_audio_read_tokens, e.kind = 'actual') AS cache_audio_read_tokens,
    argMax(e.input_image_tokens, e.kind = 'actual') AS input_image_tokens,
    argMax(e.output_image_tokens, e.kind = 'actual') AS output_image_tokens,
    argMax(e.cache_image_read_tokens, e.kind = 'actual') AS cache_image_read_tokens,
    argMax(e.input_video_tokens, e.kind = 'actual') AS input_video_tokens,
    argMax(e.output_video_tokens, e.kind = 'actual') AS output_video_tokens,
    argMax(e.web_searches, e.kind = 'actual') AS web_searches,
    argMax(e.storage_searches, e.kind = 'actual') AS storage_searches,
    argMax(e.billed_units, e.kind = 'actual') AS billed_units
FROM cost_events AS e FINAL
GROUP BY org_id, run_id, call_id;

CREATE OR REPLACE VIEW cost_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(s.booked_at) AS hour,
    workflow_name,
    provider,
    model,
    countIf(s.amount_nano > 0) AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.cache_read_tokens) AS cache_read_tokens,
    sum(s.cache_write_tokens) AS cache_write_tokens,
    sum(s.cache_write_1h_tokens) AS cache_write_1h_tokens,
    sum(s.reasoning_tokens) AS reasoning_tokens,
    sum(s.citation_tokens) AS citation_tokens,
    sum(s.tool_tokens) AS tool_tokens,
    sum(s.input_audio_tokens) AS input_audio_tokens,
    sum(s.output_audio_tokens) AS output_audio_tokens,
    sum(s.cache_audio_read_tokens) AS cache_audio_read_tokens,
    sum(s.input_image_tokens) AS input_image_tokens,
    sum(s.output_image_tokens) AS output_image_tokens,
    sum(s.cache_image_read_tokens) AS cache_image_read_tokens,
    sum(s.input_video_tokens) AS input_video_tokens,
    sum(s.output_video_tokens) AS output_video_tokens,
    sum(s.web_searches) AS web_searches,
    sum(s.storage_searches) AS storage_searches,
    sum(s.billed_units) AS billed_units,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, hour, workflow_name, provider, model;

-- The time to the first piece of a streamed answer; NULL of calls that were not streamed, or that had no piece.
ALTER TABLE provider_calls ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS ttft_ms Nullable(Float64);

-- Outcomes of learned routes, and scores of their answers, as they are in the log: one row per record. A decision's first
-- outcome counts, and its last score (as in the fold of routes).
CREATE TABLE IF NOT EXISTS route_outcomes ON CLUSTER `main`
(
    org_id LowCardinality(String),
    prompt LowCardinality(String),
    tier LowCardinality(String),
    decision_id String,
    kind LowCardinality(String),
    run_id String,
    step_id String,
    call_id String,
    route LowCardinality(String),
    propensity Float64,
    shares Map(String, Float64),
    terms Map(String, Array(Float64)),
    outcome LowCardinality(String),
    score Float64,
    cost_nano Int64,
    estimate_nano Int64,
    ceiling_nano Int64,
    latency_ms Float64,
    sla_ms Int64,
    policy LowCardinality(String),
    models LowCardinality(String),
    learned_from Int64,
    fallback Bool,
    at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _offset)
PARTITION BY toYYYYMM(at)
ORDER BY (org_id, prompt, tier, decision_id, kind, _partition, _offset);

-- How an earlier answer stood in for a call (exact, stale, negative, semantic; empty of calls that were made), and the
-- cost of the call that gave it.
ALTER TABLE provider_calls ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS cache_kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS saved_nano Int64;

-- Which node and prompt a call was made for, so that a new budget of either finds its cost.
ALTER TABLE cost_events ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS node_id LowCardinality(String),
    ADD COLUMN IF NOT EXISTS prompt_name LowCardinality(String);

-- What a model without a price was priced as, whose cost an amount is, and by how much a provider's own cost differs.
ALTER TABLE cost_events ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS priced_as LowCardinality(String),
    ADD COLUMN IF NOT EXISTS cost_source LowCardinality(String),
    ADD COLUMN IF NOT EXISTS stated_difference_nano Int64;

ALTER TABLE provider_calls ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS priced_as LowCardinality(String);

-- What spans time and whose they are, as columns, so that queries over traces read no attributes. Cost and tokens are a
-- span's own: only spans of calls have any, so they can be added up. Links and phases are JSON lists.
ALTER TABLE trace_spans ON CLUSTER `main`
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

-- Scores of live answers, one row for each scorer of an answer. The first record of a score counts, as in the fold.
CREATE TABLE IF NOT EXISTS quality_scores ON CLUSTER `main`
(
    org_id LowCardinality(String),
    prompt LowCardinality(String),
    version Int64,
    workflow_name LowCardinality(String),
    model LowCardinality(String),
    scorer LowCardinality(String),
    score Float64,
    call String,
    run_id String,
    step_id String,
    at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset UInt64,
    _precedence UInt64 MATERIALIZED 18446744073709551615 - _offset
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _precedence)
PARTITION BY toYYYYMM(at)
ORDER BY (org_id, prompt, call, scorer);

-- Rollups by minute, hour and day read deduplicated rows when asked, so a record written twice never counts twice.
CREATE VIEW IF NOT EXISTS ended_steps ON CLUSTER `main` AS
SELECT
    org_id,
    run_id,
    step_id,
    argMax(e.workflow_name, e.version) AS workflow_name,
    argMax(e.kind, e.version) AS kind,
    argMax(e.state, e.version) AS state,
    argMax(e.error_code, e.version) AS error_code,
    argMax(e.provider, e.version) AS provider,
    argMax(e.model, e.version) AS model,
    argMax(e.cost_nano, e.version) AS cost_nano,
    argMax(e.requested_at, e.version) AS requested_at,
    argMax(e.finished_at, e.version) AS finished_at
FROM step_events AS e FINAL
GROUP BY org_id, run_id, step_id
HAVING state IN ('succeeded', 'failed', 'canceled') AND finished_at IS NOT NULL;

CREATE VIEW IF NOT EXISTS scores_by_minute ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfMinute(q.at) AS minute,
    prompt,
    version,
    workflow_name,
    model,
    scorer,
    count() AS scores,
    sum(q.score) AS total,
    sum(q.score * q.score) AS squares
FROM quality_scores AS q FINAL
GROUP BY org_id, minute, prompt, version, workflow_name, model, scorer;

CREATE VIEW IF NOT EXISTS steps_by_minute ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfMinute(assumeNotNull(s.finished_at)) AS minute,
    workflow_name,
    kind,
    provider,
    model,
    count() AS steps,
    countIf(s.state = 'failed') AS failed,
    quantiles(0.5, 0.95, 0.99)(dateDiff('millisecond', coalesce(s.requested_at, s.finished_at), s.finished_at)) AS duration_ms,
    sum(s.cost_nano) AS cost_nano
FROM ended_steps AS s
GROUP BY org_id, minute, workflow_name, kind, provider, model;

CREATE VIEW IF NOT EXISTS scores_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(q.at) AS hour,
    prompt,
    version,
    workflow_name,
    model,
    scorer,
    count() AS scores,
    sum(q.score) AS total,
    sum(q.score * q.score) AS squares
FROM quality_scores AS q FINAL
GROUP BY org_id, hour, prompt, version, workflow_name, model, scorer;

CREATE VIEW IF NOT EXISTS steps_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(assumeNotNull(s.finished_at)) AS hour,
    workflow_name,
    kind,
    provider,
    model,
    count() AS steps,
    countIf(s.state = 'failed') AS failed,
    quantiles(0.5, 0.95, 0.99)(dateDiff('millisecond', coalesce(s.requested_at, s.finished_at), s.finished_at)) AS duration_ms,
    sum(s.cost_nano) AS cost_nano
FROM ended_steps AS s
GROUP BY org_id, hour, workflow_name, kind, provider, model;

CREATE VIEW IF NOT EXISTS scores_by_day ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfDay(q.at) AS day,
    prompt,
    version,
    workflow_name,
    model,
    scorer,
    count() AS scores,
    sum(q.score) AS total,
    sum(q.score * q.score) AS squares
FROM quality_scores AS q FINAL
GROUP BY org_id, day, prompt, version, workflow_name, model, scorer;

CREATE VIEW IF NOT EXISTS steps_by_day ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfDay(assumeNotNull(s.finished_at)) AS day,
    workflow_name,
    kind,
    provider,
    model,
    count() AS steps,
    countIf(s.state = 'failed') AS failed,
    quantiles(0.5, 0.95, 0.99)(dateDiff('millisecond', coalesce(s.requested_at, s.finished_at), s.finished_at)) AS duration_ms,
    sum(s.cost_nano) AS cost_nano
FROM ended_steps AS s
GROUP BY org_id, day, workflow_name, kind, provider, model;

CREATE VIEW IF NOT EXISTS cost_by_minute ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfMinute(s.booked_at) AS minute,
    workflow_name,
    provider,
    model,
    countIf(s.amount_nano > 0) AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, minute, workflow_name, provider, model;

CREATE VIEW IF NOT EXISTS cost_by_day ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfDay(s.booked_at) AS day,
    workflow_name,
    provider,
    model,
    countIf(s.amount_nano > 0) AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, day, workflow_name, provider, model;

-- Spans again, light and by time: traces are found by when they were, and a search reads neither attributes nor the
-- spans of other times. `words` are what text is searched in; `prompt` and `run_status` come from attributes.
CREATE TABLE IF NOT EXISTS spans_by_time ON CLUSTER `main`
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _offset)
PARTITION BY toYYYYMM(started_at)
ORDER BY (org_id, started_at, trace_id, span_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS spans_to_spans_by_time ON CLUSTER `main` TO spans_by_time AS
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

-- How a run ended, apart from its span's other attributes: lists of traces need nothing else of them.
ALTER TABLE trace_spans ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS run_status LowCardinality(String)
    MATERIALIZED if(type = 'run', JSONExtractString(attributes, 'agentflow.run.status'), '');

-- How many calls a row stands for. Old settlements are added up by hour: a row whose call_id begins with `hour/` stands
-- for several, and those that it stands for become rows of nothing, with 0 calls, until they are deleted.
ALTER TABLE cost_events ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS calls UInt32 DEFAULT 1;

-- As before, with the calls of each settlement, and counted by them.
CREATE OR REPLACE VIEW settled_costs ON CLUSTER `main` AS
SELECT
    org_id,
    run_id,
    call_id,
    argMax(e.kind, e.kind = 'actual') AS settled_as,
    argMax(e.step_id, e.kind = 'actual') AS step_id,
    argMax(e.workflow_name, e.kind = 'actual') AS workflow_name,
    argMax(e.provider, e.kind = 'actual') AS provider,
    argMax(e.model, e.kind = 'actual') AS model,
    argMax(e.amount_nano, e.kind = 'actual') AS amount_nano,
    argMax(e.booked_at, e.kind = 'actual') AS booked_at,
    argMax(e.input_tokens, e.kind = 'actual') AS input_tokens,
    argMax(e.output_tokens, e.kind = 'actual') AS output_tokens,
    argMax(e.cache_read_tokens, e.kind = 'actual') AS cache_read_tokens,
    argMax(e.cache_write_tokens, e.kind = 'actual') AS cache_write_tokens,
    argMax(e.cache_write_1h_tokens, e.kind = 'actual') AS cache_write_1h_tokens,
    argMax(e.reasoning_tokens, e.kind = 'actual') AS reasoning_tokens,
    argMax(e.citation_tokens, e.kind = 'actual') AS citation_tokens,
    argMax(e.tool_tokens, e.kind = 'actual') AS tool_tokens,
    argMax(e.input_audio_tokens, e.kind = 'actual') AS input_audio_tokens,
    argMax(e.output_audio_tokens, e.kind = 'actual') AS output_audio_tokens,
    argMax(e.cache_audio_read_tokens, e.kind = 'actual') AS cache_audio_read_tokens,
    argMax(e.input_image_tokens, e.kind = 'actual') AS input_image_tokens,
    argMax(e.output_image_tokens, e.kind = 'actual') AS output_image_tokens,
    argMax(e.cache_image_read_tokens, e.kind = 'actual') AS cache_image_read_tokens,
    argMax(e.input_video_tokens, e.kind = 'actual') AS input_video_tokens,
    argMax(e.output_video_tokens, e.kind = 'actual') AS output_video_tokens,
    argMax(e.web_searches, e.kind = 'actual') AS web_searches,
    argMax(e.storage_searches, e.kind = 'actual') AS storage_searches,
    argMax(e.billed_units, e.kind = 'actual') AS billed_units,
    argMax(e.calls, e.kind = 'actual') AS calls
FROM cost_events AS e FINAL
WHERE e.calls > 0
GROUP BY org_id, run_id, call_id;

CREATE OR REPLACE VIEW cost_by_hour ON CLUSTER `main` AS
SELECT
    org_id,
    toStartOfHour(s.booked_at) AS hour,
    workflow_name,
    provider,
    model,
    sumIf(s.calls, s.amount_nano > 0) AS calls,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.cache_read_tokens) AS cache_read_tokens,
    sum(s.cache_write_tokens) AS cache_write_tokens,
    sum(s.cache_write_1h_tokens) AS cache_write_1h_tokens,
    sum(s.reasoning_tokens) AS reasoning_tokens,
    sum(s.citation_tokens) AS citation_tokens,
    sum(s.tool_tokens) AS tool_tokens,
    sum(s.input_audio_tokens) AS input_audio_tokens,
    sum(s.output_audio_tokens) AS output_audio_tokens,
    sum(s.cache_audio_read_tokens) AS cache_audio_read_tokens,
    sum(s.input_image_tokens) AS input_image_tokens,
    sum(s.output_image_tokens) AS output_image_tokens,
    sum(s.cache_image_read_tokens) AS cache_image_read_tokens,
    sum(s.input_video_tokens) AS input_video_tokens,
    sum(s.output_video_tokens) AS output_video_tokens,
    sum(s.web_searches) AS web_searches,
    sum(s.storage_searches) AS storage_searches,
    sum(s.billed_units) AS billed_units,
    sum(s.amount_nano) AS amount_nano,
    toDecimal128(sum(s.amount_nano), 9) / 1000000000 AS amount_usd
FROM settled_costs AS s
GROUP BY org_id, hour, workflow_name, provider, model;

-- What the data of a call was labelled with when its provider was asked: schemas.records.security.pinned.CallLabels.
ALTER TABLE provider_calls ON CLUSTER `main`
    ADD COLUMN IF NOT EXISTS labels String CODEC(ZSTD(3));
