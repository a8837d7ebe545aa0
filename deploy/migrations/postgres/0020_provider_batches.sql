-- Calls that go to providers in batches (decision 0034). A batch is stored before it is sent, so that a process that
-- dies neither loses a call nor sends it twice. Times are milliseconds since the Unix epoch, of the writer's clock.
CREATE TABLE provider_batch (
    id text PRIMARY KEY,
    org_id text NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    key_name text NOT NULL,
    state text NOT NULL,
    requests integer NOT NULL,
    formed_ms bigint NOT NULL,
    attempted_ms bigint NOT NULL DEFAULT 0,
    submitted_ms bigint NOT NULL DEFAULT 0,
    ended_ms bigint NOT NULL DEFAULT 0,
    due_ms bigint NOT NULL DEFAULT 0,
    expires_ms bigint NOT NULL DEFAULT 0,
    file_id text NOT NULL DEFAULT '',
    provider_id text NOT NULL DEFAULT '',
    cancel boolean NOT NULL DEFAULT false,
    problem text NOT NULL DEFAULT '',
    lease text NOT NULL DEFAULT '',
    leased_until_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX provider_batch_due ON provider_batch (due_ms) WHERE state <> 'ended';
CREATE INDEX provider_batch_by_org ON provider_batch (org_id, formed_ms DESC, id);

-- started, question, result: JSON, as bytes, since texts may have characters that jsonb refuses.
CREATE TABLE batch_item (
    call_id text PRIMARY KEY,
    org_id text NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    key_name text NOT NULL,
    mode text NOT NULL,
    state text NOT NULL,
    batch_id text NOT NULL DEFAULT '',
    ends_with text NOT NULL,
    started bytea NOT NULL,
    wake bytea NOT NULL,
    question bytea NOT NULL,
    result bytea,
    size integer NOT NULL,
    cost_nano bigint NOT NULL DEFAULT 0,
    wanted boolean NOT NULL DEFAULT true,
    settled boolean NOT NULL DEFAULT false,
    taken boolean NOT NULL DEFAULT false,
    created_ms bigint NOT NULL,
    ready_ms bigint NOT NULL DEFAULT 0,
    done_ms bigint NOT NULL DEFAULT 0,
    wake_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX batch_item_gathering ON batch_item (org_id, provider, model, key_name, ready_ms) WHERE state = 'ready';
CREATE INDEX batch_item_open ON batch_item (call_id) WHERE state IN ('new', 'ready', 'batched');
CREATE INDEX batch_item_to_settle ON batch_item (done_ms) WHERE state = 'canceled' AND NOT settled;
CREATE INDEX batch_item_to_wake ON batch_item (wake_ms)
    WHERE state IN ('answered', 'failed', 'expired', 'canceled') AND NOT taken AND wanted;
CREATE INDEX batch_item_by_batch ON batch_item (batch_id) WHERE batch_id <> '';
CREATE INDEX batch_item_done ON batch_item (done_ms) WHERE done_ms > 0;
