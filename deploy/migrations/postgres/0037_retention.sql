-- Legal holds of runs: retention and deletion leave what one matches. A condition that is null matches all.
CREATE TABLE run_hold (
    org_id        text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    run_id        text COLLATE "C",
    workflow_name text COLLATE "C",
    since         timestamptz,
    until         timestamptz,
    reason        text NOT NULL,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name)
);

-- Runs that were deleted by request: a view that comes late, or a history that is read again, must not bring one back,
-- and a submission that is repeated must not run again.
CREATE TABLE deleted_run (
    id               text COLLATE "C" PRIMARY KEY,
    org_id           text COLLATE "C" NOT NULL,
    body_hash        text NOT NULL,
    workflow_version integer NOT NULL,
    created_at       timestamptz NOT NULL,
    deleted_by       text NOT NULL,
    deleted_at       timestamptz NOT NULL DEFAULT now()
);
