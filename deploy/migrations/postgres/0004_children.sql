-- The children of mapped nodes are read by page, in the order of their items; -1 is every other step. children_total
-- is how many a mapped node has, asked for or not.
ALTER TABLE step_run ADD COLUMN child_index integer NOT NULL DEFAULT -1;
ALTER TABLE step_run ADD COLUMN children_total integer;
CREATE INDEX step_run_children ON step_run (workflow_run_id, node_id, child_index, step_id);
