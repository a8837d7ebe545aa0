-- Projects inside of organisations, and what keys may be limited to (schemas/scopes.py). An archived project is kept:
-- its runs, budgets and keys name it.
CREATE TABLE project (
    org_id      text NOT NULL REFERENCES organisation (id),
    id          text NOT NULL,
    name        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    PRIMARY KEY (org_id, id)
);

-- During a rotation the hash of the secret before stays valid for a while.
ALTER TABLE api_key
    ADD COLUMN project             text,
    ADD COLUMN scopes              text[] NOT NULL DEFAULT '{}',
    ADD COLUMN expires_at          timestamptz,
    ADD COLUMN last_used_at        timestamptz,
    ADD COLUMN requests_per_minute integer CHECK (requests_per_minute > 0),
    ADD COLUMN hash_before         bytea,
    ADD COLUMN before_until        timestamptz,
    ADD COLUMN rotated_at          timestamptz,
    ADD FOREIGN KEY (org_id, project) REFERENCES project (org_id, id);

-- The project of a run is one of its tags (schemas/budgets.py). Runs without one are not in the index.
CREATE INDEX workflow_run_org_project ON workflow_run
    (org_id, (tags ->> 'agentflow.project'), created_at DESC, id DESC)
    WHERE tags ->> 'agentflow.project' IS NOT NULL;
