-- Scores of live answers, one row for each scorer of an answer. The first record of a score counts, as in the fold.
CREATE TABLE IF NOT EXISTS quality_scores
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
ENGINE = ReplacingMergeTree(_precedence)
PARTITION BY toYYYYMM(at)
ORDER BY (org_id, prompt, call, scorer);

-- Rollups by minute, hour and day read deduplicated rows when asked, so a record written twice never counts twice.
CREATE VIEW IF NOT EXISTS ended_steps AS
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

CREATE VIEW IF NOT EXISTS scores_by_minute AS
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

CREATE VIEW IF NOT EXISTS steps_by_minute AS
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

CREATE VIEW IF NOT EXISTS scores_by_hour AS
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

CREATE VIEW IF NOT EXISTS steps_by_hour AS
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

CREATE VIEW IF NOT EXISTS scores_by_day AS
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

CREATE VIEW IF NOT EXISTS steps_by_day AS
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

CREATE VIEW IF NOT EXISTS cost_by_minute AS
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

CREATE VIEW IF NOT EXISTS cost_by_day AS
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
