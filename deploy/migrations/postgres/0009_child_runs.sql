-- Runs that steps of other runs started, both ways. children_nano is what those did cost that were waited for.
ALTER TABLE workflow_run ADD COLUMN parent_run_id text;
ALTER TABLE workflow_run ADD COLUMN parent_step_id text;
ALTER TABLE workflow_run ADD COLUMN parent_detached boolean NOT NULL DEFAULT false;
ALTER TABLE workflow_run ADD COLUMN children_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE step_run ADD COLUMN child_run_id text;
CREATE INDEX workflow_run_parent ON workflow_run (org_id, parent_run_id, created_at DESC, id DESC)
    WHERE parent_run_id IS NOT NULL;
