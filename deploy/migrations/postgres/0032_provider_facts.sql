-- What organisations state of providers (regions, retention, training), one row per version, never changed.
CREATE TABLE provider_facts (
    org_id text NOT NULL REFERENCES organisation (id),
    version integer NOT NULL,
    document jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, version)
);
