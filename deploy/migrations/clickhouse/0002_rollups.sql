-- Rollups read deduplicated rows when asked, so a record written twice never counts twice.

-- What each call did cost in the end: its actual settlement, or the presumed one until that comes.
CREATE VIEW IF NOT EXISTS settled_costs AS
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

CREATE VIEW IF NOT EXISTS cost_by_hour AS
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

CREATE VIEW IF NOT EXISTS calls_by_hour AS
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
