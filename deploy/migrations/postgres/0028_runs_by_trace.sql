-- Runs by their trace: `GET /api/v1/traces/{id}` takes both ids, and a program may start several runs in one trace.
CREATE INDEX workflow_run_trace ON workflow_run (org_id, trace_id);
