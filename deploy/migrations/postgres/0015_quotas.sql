-- How much of providers an organisation may use. A row stays when its limits go, so that no version comes twice.
CREATE TABLE organisation_quotas (
    org_id     text PRIMARY KEY REFERENCES organisation (id),
    version    bigint NOT NULL,
    limits     jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
