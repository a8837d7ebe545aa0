-- The vault (services/privacy/vault): wrapped keys of organisations and data subjects, and sealed values of tokens.
-- These tables may be in a database of their own (VAULT_DSN), so they refer to no other table. Their backup is kept
-- apart from that of the data.
CREATE TABLE vault_org_key (
    org_id text NOT NULL,
    version integer NOT NULL,
    wrapped bytea NOT NULL,
    wrapped_under text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seals_from timestamptz NOT NULL,
    PRIMARY KEY (org_id, version)
);

-- A row without a key is a tombstone: the subject was erased, and no key is made for it again.
CREATE TABLE vault_subject_key (
    org_id text NOT NULL,
    subject text NOT NULL,
    wrapped bytea,
    org_version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    PRIMARY KEY (org_id, subject),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX vault_subject_key_versions ON vault_subject_key (org_id, org_version) WHERE erased_at IS NULL;

-- subject is empty for tokens of the organisation's scope; org_version is 0 for those of subjects.
CREATE TABLE vault_token (
    org_id text NOT NULL,
    token text NOT NULL,
    subject text NOT NULL,
    name bytea NOT NULL,
    sealed bytea NOT NULL,
    org_version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, token)
);
CREATE INDEX vault_token_subjects ON vault_token (org_id, subject) WHERE subject <> '';
CREATE INDEX vault_token_versions ON vault_token (org_id, org_version) WHERE subject = '';
