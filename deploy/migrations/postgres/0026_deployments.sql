-- Rollouts of prompts (decision 0041). An environment is a label of the prompt. The statistics are the fold's; a row has
-- the plan, and what was decided last. decision is json, not jsonb: it is shown as it was recorded.
CREATE TABLE deployment (
    id             text COLLATE "C" PRIMARY KEY,
    org_id         text NOT NULL REFERENCES organisation (id),
    prompt         text NOT NULL,
    environment    text NOT NULL,
    project        text,
    plan           json NOT NULL,
    entity         text NOT NULL DEFAULT '',
    stable_version integer NOT NULL,
    canary_version integer NOT NULL,
    status         text NOT NULL DEFAULT 'running',
    step           integer NOT NULL DEFAULT 0,
    number         bigint NOT NULL DEFAULT 0,
    decision       json,
    message        text NOT NULL DEFAULT '',
    problem        text NOT NULL DEFAULT '',
    started_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    FOREIGN KEY (org_id, prompt, canary_version) REFERENCES prompt (org_id, name, version)
);
CREATE UNIQUE INDEX deployment_running ON deployment (org_id, prompt, environment) WHERE status = 'running';
CREATE INDEX deployment_org ON deployment (org_id, created_at DESC, id DESC);

-- Why a label moved, where somebody said so.
ALTER TABLE prompt_label_move ADD COLUMN message text NOT NULL DEFAULT '';

-- Which arm of which rollout a run has; null for almost all runs.
ALTER TABLE workflow_run ADD COLUMN rollouts json;
