-- Policies of organisations: one row per version, never changed. The document is text, of which the hash is made.
CREATE TABLE policy_version (
    org_id text NOT NULL REFERENCES organisation (id),
    name text NOT NULL,
    version integer NOT NULL,
    hash text NOT NULL,
    document text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, version)
);

-- Activations, one row each, never changed: the one with the highest number counts. Without a name none is active.
CREATE TABLE policy_activation (
    org_id text NOT NULL REFERENCES organisation (id),
    number integer NOT NULL,
    name text,
    version integer,
    mode text NOT NULL,
    activated_by text NOT NULL,
    activated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, number),
    FOREIGN KEY (org_id, name, version) REFERENCES policy_version (org_id, name, version)
);

CREATE INDEX policy_version_hash ON policy_version (org_id, hash);

-- Labels of a run's inputs and the policy that it is under, as it was submitted; null where its data has no labels.
ALTER TABLE workflow_run ADD COLUMN security jsonb;
