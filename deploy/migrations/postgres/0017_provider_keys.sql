-- Keys of model providers that organisations bring along, sealed under an envelope key (connectors/postgres/sealing.py).
CREATE TABLE provider_key (
    org_id text NOT NULL REFERENCES organisation (id),
    provider text NOT NULL,
    sealed bytea NOT NULL,
    sealed_under text NOT NULL,
    fingerprint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    PRIMARY KEY (org_id, provider)
);
