-- Whether a step took longer than its node's sla_ms.
ALTER TABLE step_run ADD COLUMN sla_missed boolean NOT NULL DEFAULT false;
