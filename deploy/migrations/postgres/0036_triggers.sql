-- Triggers: what arrives from other systems and which run it submits. The address of an incoming webhook is known by
-- its hash alone; the secret of its signatures is sealed. Those before are in force until a time.
CREATE TABLE run_trigger (
    id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES organisation (id),
    name text NOT NULL,
    kind text NOT NULL,
    definition jsonb NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    problem text,
    address_hash bytea,
    address_hash_before bytea,
    sealed bytea,
    sealed_under text,
    sealed_before bytea,
    sealed_before_under text,
    before_until timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name)
);

CREATE INDEX run_trigger_read ON run_trigger (id) WHERE kind = 'topic' AND NOT paused;

-- How far a topic was submitted: the next offset of each partition, of one incarnation of the log. It only rises.
CREATE TABLE run_trigger_position (
    trigger_id text NOT NULL REFERENCES run_trigger (id) ON DELETE CASCADE,
    partition_number integer NOT NULL,
    log text NOT NULL,
    next_offset bigint NOT NULL,
    end_offset bigint NOT NULL,
    submitted bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (trigger_id, partition_number)
);
