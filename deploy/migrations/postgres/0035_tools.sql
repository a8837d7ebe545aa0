-- Secrets for tools. Each set is a version of its own, sealed; `current` is the one in force.
CREATE TABLE tool_secret (
    org_id text NOT NULL REFERENCES organisation (id),
    name text NOT NULL,
    hosts text[] NOT NULL,
    tools text[] NOT NULL,
    current integer NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    PRIMARY KEY (org_id, name)
);

CREATE TABLE tool_secret_version (
    org_id text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    sealed bytea NOT NULL,
    sealed_under text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name, version),
    FOREIGN KEY (org_id, name) REFERENCES tool_secret (org_id, name) ON DELETE CASCADE
);

-- MCP servers that an organisation declares. Headers name secrets, and have none.
CREATE TABLE mcp_server (
    org_id text NOT NULL REFERENCES organisation (id),
    name text NOT NULL,
    url text NOT NULL,
    headers jsonb NOT NULL,
    description text NOT NULL DEFAULT '',
    source text[] NOT NULL,
    timeout_ms integer NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name)
);

-- Tools of MCP servers that may be called, as they were when somebody read them. A server may be the installation's.
CREATE TABLE mcp_pin (
    org_id text NOT NULL REFERENCES organisation (id),
    server text NOT NULL,
    tool text NOT NULL,
    hash text NOT NULL,
    definition jsonb NOT NULL,
    security jsonb NOT NULL,
    pinned_by text NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, server, tool)
);
