-- What a version of a prompt says beside its text, who made it, and labels that name versions (decision 0039).
-- form is json, not jsonb: a model sees the properties of a schema in their order.
ALTER TABLE prompt
    ADD COLUMN form        json,
    ADD COLUMN project     text,
    ADD COLUMN author      text NOT NULL DEFAULT '',
    ADD COLUMN message     text NOT NULL DEFAULT '',
    ADD COLUMN parent      integer,
    ADD COLUMN archived_at timestamptz,
    ADD FOREIGN KEY (org_id, project) REFERENCES project (org_id, id);

CREATE TABLE prompt_label (
    org_id   text NOT NULL,
    name     text NOT NULL,
    label    text NOT NULL,
    version  integer NOT NULL,
    revision integer NOT NULL,
    moved_by text NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, label),
    FOREIGN KEY (org_id, name, version) REFERENCES prompt (org_id, name, version)
);

-- Every move of a label; version is null where it was removed. Revisions of a label go on after that.
CREATE TABLE prompt_label_move (
    org_id   text NOT NULL,
    name     text NOT NULL,
    label    text NOT NULL,
    revision integer NOT NULL,
    version  integer,
    moved_by text NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, label, revision)
);

-- Sandboxed Jinja in prompts is for organisations that want it.
ALTER TABLE organisation ADD COLUMN jinja_prompts boolean NOT NULL DEFAULT false;

-- Each process that takes submissions queries what is archived once a second.
CREATE INDEX prompt_archived ON prompt (org_id, name) WHERE archived_at IS NOT NULL;
