-- Organisations, their keys, what they define, and the history of their runs.
-- Times of runs come from records as milliseconds; they are stored as timestamptz.

CREATE TABLE organisation (
    id         text PRIMARY KEY,
    name       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A key itself is kept nowhere: only a keyed hash of it (HMAC-SHA256 with the pepper of the deployment).
CREATE TABLE api_key (
    id          text PRIMARY KEY,
    org_id      text NOT NULL REFERENCES organisation (id),
    name        text NOT NULL,
    hash        bytea NOT NULL,
    permissions text[] NOT NULL,
    last4       text NOT NULL,
    bootstrap   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);
CREATE INDEX api_key_org ON api_key (org_id, created_at);

CREATE TABLE workflow (
    org_id          text NOT NULL REFERENCES organisation (id),
    name            text NOT NULL,
    version         integer NOT NULL,
    spec            jsonb NOT NULL,
    hash            text NOT NULL,
    required_inputs text[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, version)
);

CREATE TABLE prompt (
    org_id     text NOT NULL REFERENCES organisation (id),
    name       text NOT NULL,
    version    integer NOT NULL,
    template   text NOT NULL,
    hash       text NOT NULL,
    variables  json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, version)
);

CREATE TABLE budget (
    id         text PRIMARY KEY,
    org_id     text NOT NULL REFERENCES organisation (id),
    name       text NOT NULL,
    scope      text NOT NULL,
    target     text,
    period     text NOT NULL,
    limit_nano bigint NOT NULL CHECK (limit_nano >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name)
);

-- Definitions that are not yet on the topic. A row is written with its definition and removed after the broker's ack.
CREATE TABLE definition_outbox (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key   text NOT NULL,
    value bytea NOT NULL
);

-- One row a run and one a step, written by version: the newest wins. Payloads are json, not jsonb: they are
-- never searched, and jsonb refuses U+0000, which an output may have. Updates are many, so pages keep room.
CREATE TABLE workflow_run (
    id               text COLLATE "C" PRIMARY KEY,
    org_id           text NOT NULL,
    version          bigint NOT NULL,
    workflow_name    text NOT NULL,
    workflow_version integer NOT NULL,
    status           text NOT NULL,
    source           text NOT NULL,
    submission_id    text,
    body_hash        text NOT NULL,
    spec_hash        text NOT NULL,
    inputs           json,
    tags             jsonb NOT NULL,
    budget_nano      bigint,
    input_tokens     bigint NOT NULL,
    output_tokens    bigint NOT NULL,
    cost_nano        bigint NOT NULL,
    output           json,
    output_in_steps  text[] NOT NULL,
    error            json,
    trace_id         text NOT NULL,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz
) WITH (fillfactor = 80);

CREATE TABLE step_run (
    workflow_run_id  text COLLATE "C" NOT NULL,
    step_id          text COLLATE "C" NOT NULL,
    org_id           text NOT NULL,
    version          bigint NOT NULL,
    node_id          text NOT NULL,
    kind             text NOT NULL,
    status           text NOT NULL,
    attempt          integer NOT NULL,
    output           json,
    error            json,
    input_tokens     bigint NOT NULL,
    output_tokens    bigint NOT NULL,
    cost_nano        bigint NOT NULL,
    provider         text,
    model            text,
    cached           boolean NOT NULL,
    worker_id        text NOT NULL,
    requested_at     timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    waiting_for      text,
    waiting_until    timestamptz,
    PRIMARY KEY (workflow_run_id, step_id)
) WITH (fillfactor = 80);

CREATE INDEX idx_workflow_run_created_at_status ON workflow_run (created_at, status);
CREATE INDEX idx_step_run_workflow_status ON step_run (workflow_run_id, status);

-- Listing goes newest first with a keyset cursor (created_at, id), whatever it filters by.
CREATE INDEX workflow_run_org ON workflow_run (org_id, created_at DESC, id DESC);
CREATE INDEX workflow_run_org_status ON workflow_run (org_id, status, created_at DESC, id DESC);
CREATE INDEX workflow_run_org_workflow ON workflow_run (org_id, workflow_name, created_at DESC, id DESC);
CREATE INDEX workflow_run_tags ON workflow_run USING gin (tags jsonb_path_ops) WHERE tags <> '{}'::jsonb;
