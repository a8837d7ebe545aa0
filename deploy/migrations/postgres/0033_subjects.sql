-- The pseudonym of the person whose data a run handles; null for a run without one. Its content is sealed.
ALTER TABLE workflow_run ADD COLUMN subject text;

CREATE INDEX workflow_run_subject ON workflow_run (org_id, subject, created_at DESC, id) WHERE subject IS NOT NULL;
