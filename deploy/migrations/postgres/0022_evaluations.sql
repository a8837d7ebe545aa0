-- Datasets: a version and its cases never change. The cases are texts of JSON, so that their order of names lasts.
CREATE TABLE dataset_version (
    org_id text NOT NULL REFERENCES organisation (id),
    name text NOT NULL,
    version integer NOT NULL,
    hash text NOT NULL,
    cases integer NOT NULL,
    author text NOT NULL,
    message text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, version)
);

CREATE TABLE dataset_case (
    org_id text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    position integer NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (org_id, name, version, position),
    FOREIGN KEY (org_id, name, version) REFERENCES dataset_version (org_id, name, version)
);

-- Evaluations: what was asked, the run that answers it, and its report once that run has ended.
CREATE TABLE evaluation (
    org_id text NOT NULL REFERENCES organisation (id),
    id text NOT NULL,
    prompt text NOT NULL,
    project text,
    run_id text NOT NULL,
    definition json NOT NULL,
    report json,
    author text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX evaluation_newest ON evaluation (org_id, created_at DESC, id DESC);
