-- How a run ended, apart from its span's other attributes: lists of traces need nothing else of them.
ALTER TABLE trace_spans
    ADD COLUMN IF NOT EXISTS run_status LowCardinality(String)
    MATERIALIZED if(type = 'run', JSONExtractString(attributes, 'agentflow.run.status'), '');
