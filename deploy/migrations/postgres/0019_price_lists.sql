-- Price lists of organisations, one row per version, never changed.
CREATE TABLE price_list (
    org_id text NOT NULL REFERENCES organisation (id),
    version integer NOT NULL,
    effective_from_ms bigint NOT NULL,
    rules jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, version)
);
