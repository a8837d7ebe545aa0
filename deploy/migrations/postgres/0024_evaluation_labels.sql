-- Judgements of people, by which judges are calibrated.
ALTER TABLE evaluation ADD COLUMN labels json;
