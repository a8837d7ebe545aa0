-- Outcomes of learned routes, and scores of their answers, as they are in the log: one row per record. A decision's first
-- outcome counts, and its last score (as in the fold of routes).
CREATE TABLE IF NOT EXISTS route_outcomes
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
ENGINE = ReplacingMergeTree(_offset)
PARTITION BY toYYYYMM(at)
ORDER BY (org_id, prompt, tier, decision_id, kind, _partition, _offset);
