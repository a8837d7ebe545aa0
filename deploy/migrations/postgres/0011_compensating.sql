-- Whether something still runs because the run has ended, so that lists say it without reading steps.
ALTER TABLE workflow_run ADD COLUMN compensating boolean NOT NULL DEFAULT false;
UPDATE workflow_run SET compensating = true WHERE status IN ('failed', 'canceled') AND EXISTS (
  SELECT FROM step_run WHERE workflow_run_id = workflow_run.id
  AND step_run.status IN ('pending', 'ready', 'running', 'waiting')
);
