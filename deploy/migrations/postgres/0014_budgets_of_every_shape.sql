-- Budgets with windows in time zones and sliding ones, soft limits, thresholds, and what is done with calls that have no
-- room. `opened` says that what was spent before the budget was defined has been asked of the ledger.
ALTER TABLE budget ADD COLUMN timezone text NOT NULL DEFAULT 'UTC';
ALTER TABLE budget ADD COLUMN week_start text NOT NULL DEFAULT 'monday';
ALTER TABLE budget ADD COLUMN sliding boolean NOT NULL DEFAULT false;
ALTER TABLE budget ADD COLUMN on_exceeded text NOT NULL DEFAULT 'reject';
ALTER TABLE budget ADD COLUMN soft_limit_nano bigint CHECK (soft_limit_nano >= 0);
ALTER TABLE budget ADD COLUMN thresholds integer[] NOT NULL DEFAULT '{50,75,90,100}';
ALTER TABLE budget ADD COLUMN opened boolean NOT NULL DEFAULT true;

-- A budget goes to the workers and, for the fold of money, into its own log.
ALTER TABLE definition_outbox ADD COLUMN topic text NOT NULL DEFAULT 'definitions';
INSERT INTO definition_outbox (topic, key, value)
SELECT 'cost-events', org_id, convert_to(
    jsonb_strip_nulls(jsonb_build_object(
        'v', '1.0', 'type', 'budget.defined', 'org_id', org_id, 'budget_id', id, 'version', version, 'name', name,
        'scope', scope, 'target', target, 'period', period, 'limit_nano', limit_nano, 'paused', paused,
        'thresholds', thresholds
    ))::text, 'UTF8')
FROM budget ORDER BY created_at, id;

-- Emergency stops and pauses. A row that was resumed stays, for who stopped what and when.
CREATE TABLE stop (
    id         text PRIMARY KEY,
    org_id     text NOT NULL REFERENCES organisation (id),
    scope      text NOT NULL,
    target     text,
    mode       text NOT NULL,
    reason     text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resumed_by text,
    resumed_at timestamptz
);
CREATE INDEX stop_by_org ON stop (org_id, created_at);
