-- How many calls a row stands for. Old settlements are added up by hour: a row whose call_id begins with `hour/` stands
-- for several, and those that it stands for become rows of nothing, with 0 calls, until they are deleted.
ALTER TABLE cost_events
    ADD COLUMN IF NOT EXISTS calls UInt32 DEFAULT 1;

-- As before, with the calls of each settlement, and counted by them.
CREATE OR REPLACE VIEW settled_costs AS
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

CREATE OR REPLACE VIEW cost_by_hour AS
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
