-- How many runs of an organisation, and of its workflows by name, may run at once. A row stays when its limits go, so
-- that no version comes twice. What is not said yet on the topic of admissions has another version than it has said.
CREATE TABLE run_limits (
    org_id           text PRIMARY KEY REFERENCES organisation (id),
    version          bigint NOT NULL,
    said_version     bigint NOT NULL DEFAULT 0,
    max_running_runs integer CHECK (max_running_runs >= 0),
    workflows        jsonb NOT NULL DEFAULT '{}',
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX run_limits_unsaid ON run_limits (org_id) WHERE version <> said_version;
