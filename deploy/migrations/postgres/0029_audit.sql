-- The audit log of each organisation: where it stands, its entries, and the checkpoints that were signed. Hashes are
-- SHA-256; see schemas/audit. Logs outlive what they are about, so nothing here refers to other tables.
CREATE TABLE audit_log (
    org_id   text COLLATE "C" PRIMARY KEY,
    size     bigint NOT NULL DEFAULT 0,
    frontier bytea NOT NULL DEFAULT '',
    chain    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    at_ms    bigint NOT NULL DEFAULT 0,
    signed   bigint NOT NULL DEFAULT 0,
    kept     bigint NOT NULL DEFAULT 0,
    kept_ms  bigint NOT NULL DEFAULT 0
);

-- Without `data`, retention has removed what the entry said; its leaf stays, so all proofs hold. `nodes` has the roots
-- of the subtrees at levels 8, 16, ... that the entry completes.
CREATE TABLE audit_entry (
    org_id   text COLLATE "C" NOT NULL,
    index    bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    kind     text NOT NULL,
    at_ms    bigint NOT NULL,
    actor    text COLLATE "C",
    action   text COLLATE "C",
    run_id   text COLLATE "C",
    sha256   bytea NOT NULL,
    leaf     bytea NOT NULL,
    nodes    bytea,
    data     bytea,
    PRIMARY KEY (org_id, index),
    UNIQUE (org_id, event_id)
);
-- Times are nearly in the order of the rows, so ranges of blocks are enough.
CREATE INDEX audit_entry_time ON audit_entry USING brin (at_ms);
-- Decisions are nearly all entries and those of roles, so they are found by their runs; an index costs every one of them.
CREATE INDEX audit_entry_kind ON audit_entry (org_id, kind, index) WHERE kind <> 'decisions';
CREATE INDEX audit_entry_actor ON audit_entry (org_id, actor, index) WHERE kind <> 'decisions';
CREATE INDEX audit_entry_run ON audit_entry (org_id, run_id, index) WHERE run_id IS NOT NULL;

CREATE TABLE audit_checkpoint (
    org_id text COLLATE "C" NOT NULL,
    size   bigint NOT NULL,
    at_ms  bigint NOT NULL,
    note   text NOT NULL,
    PRIMARY KEY (org_id, size)
);

-- Public keys that signed, also those of before a rotation.
CREATE TABLE audit_key (
    public_key text COLLATE "C" PRIMARY KEY,
    first_at   timestamptz NOT NULL DEFAULT now()
);

-- Legal holds: entries that one matches lose nothing by retention. A condition that is null matches all.
CREATE TABLE audit_hold (
    org_id     text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    kind       text,
    actor      text COLLATE "C",
    run_id     text COLLATE "C",
    from_ms    bigint,
    until_ms   bigint,
    reason     text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name)
);
