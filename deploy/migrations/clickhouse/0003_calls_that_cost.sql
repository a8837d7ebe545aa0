-- A call that surely did not happen is settled at nothing, so that the log knows its end; it counts as no call here.
CREATE OR REPLACE VIEW cost_by_hour AS
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
