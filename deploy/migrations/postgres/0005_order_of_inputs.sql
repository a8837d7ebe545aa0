-- The order of a node's inputs means something (what comes first is merged first), and jsonb does not keep it.
ALTER TABLE workflow ALTER COLUMN spec TYPE json USING spec::json;
