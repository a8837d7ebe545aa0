-- References of the inputs that are stored as objects; inputs has null in their places.
ALTER TABLE workflow_run ADD COLUMN stored_inputs json;
