-- Suggestions of the optimizer that were applied: the version that each made of a workflow, and the one that undid it.
CREATE TABLE optimizer_change (
    org_id text NOT NULL,
    suggestion_id text NOT NULL,
    workflow text NOT NULL,
    node_id text NOT NULL,
    kind text NOT NULL,
    change jsonb NOT NULL,
    from_version integer NOT NULL,
    to_version integer NOT NULL,
    undone_version integer,
    applied_at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    PRIMARY KEY (org_id, workflow, to_version)
);
CREATE INDEX optimizer_change_by_suggestion ON optimizer_change (org_id, suggestion_id, applied_at DESC);
