-- What people said of answers, by which judges are calibrated.
ALTER TABLE evaluation ADD COLUMN labels json;
