-- Webhooks: where an organisation's events are sent. The secrets are sealed; the one before is in force until a time.
CREATE TABLE webhook (
    id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES organisation (id),
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    events text[] NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    sealed bytea NOT NULL,
    sealed_under text NOT NULL,
    sealed_before bytea,
    sealed_before_under text,
    before_until timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX webhook_org ON webhook (org_id);

-- One row per event and webhook. Of one subject they are delivered in the order of `seq`.
CREATE TABLE webhook_delivery (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id text NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    org_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    body bytea NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz,
    last_status integer,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    UNIQUE (webhook_id, event_id)
);

CREATE INDEX webhook_delivery_pending ON webhook_delivery (webhook_id, subject, seq) WHERE state = 'pending';
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at) WHERE state <> 'pending';
CREATE INDEX webhook_delivery_listed ON webhook_delivery (org_id, webhook_id, seq);
