-- Schedules and their backfills. Slots are milliseconds since the epoch, as in records.
-- next_slot_ms is the first slot that is not decided; it moves on only after a slot was decided. leased_until keeps
-- schedulers off each other's work and saves only work: two that decide one slot make one run.
CREATE TABLE schedule (
    id               text PRIMARY KEY,
    org_id           text NOT NULL REFERENCES organisation (id),
    name             text NOT NULL,
    workflow_name    text NOT NULL,
    workflow_version integer,
    inputs           json NOT NULL,
    tags             jsonb NOT NULL,
    budget_nano      bigint,
    cron             text,
    interval_s       integer,
    time_zone        text NOT NULL,
    overlap          text NOT NULL,
    catchup          text NOT NULL,
    catchup_limit    integer NOT NULL,
    paused           boolean NOT NULL,
    next_slot_ms     bigint,
    queued_slot_ms   bigint,
    last_slot_ms     bigint,
    last_run_id      text,
    skipped          bigint NOT NULL DEFAULT 0,
    problem          text,
    problem_slot_ms  bigint,
    leased_until     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name),
    CHECK ((cron IS NULL) <> (interval_s IS NULL))
);
CREATE INDEX schedule_due ON schedule (next_slot_ms) WHERE NOT paused;
CREATE INDEX schedule_queued ON schedule (queued_slot_ms) WHERE queued_slot_ms IS NOT NULL;

CREATE TABLE schedule_backfill (
    id           text PRIMARY KEY,
    org_id       text NOT NULL,
    schedule_id  text NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    from_ms      bigint NOT NULL,
    until_ms     bigint NOT NULL,
    next_ms      bigint NOT NULL,
    submitted    integer NOT NULL DEFAULT 0,
    problem      text,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
CREATE INDEX schedule_backfill_of ON schedule_backfill (schedule_id, created_at);
CREATE INDEX schedule_backfill_open ON schedule_backfill (created_at) WHERE finished_at IS NULL;
