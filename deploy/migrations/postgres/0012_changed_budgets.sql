-- Budgets can be changed and paused. The version orders the definitions of one budget for every process that holds money.
ALTER TABLE budget ADD COLUMN paused boolean NOT NULL DEFAULT false;
ALTER TABLE budget ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE budget ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
UPDATE budget SET updated_at = created_at;
