-- What an organisation declares of tools that workers of its queues have. `queue` is as nodes name it.
CREATE TABLE queue_tool (
    org_id text NOT NULL REFERENCES organisation (id),
    queue text NOT NULL,
    tool text NOT NULL,
    security jsonb NOT NULL,
    declared_by text NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, queue, tool)
);
