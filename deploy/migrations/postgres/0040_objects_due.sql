-- Hashes of the stored objects that payloads of runs refer to, so that retention finds in an index whether something
-- kept does. Rows without one, nearly all, are in no index. Immutable: the text of a json is what was written.
CREATE FUNCTION stored_objects(a json, b json, c json DEFAULT NULL) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array_agg(DISTINCT found[1])
    FROM regexp_matches(
        concat_ws(' ', a::text, b::text, c::text), '(?:/|sha256\\*"\s*:\s*\\*")([0-9a-f]{64})(?![0-9a-f])', 'g'
    ) AS found
$$;
CREATE INDEX workflow_run_objects ON workflow_run USING gin (stored_objects(output, error, stored_inputs))
    WHERE stored_objects(output, error, stored_inputs) IS NOT NULL;
CREATE INDEX step_run_objects ON step_run USING gin (stored_objects(output, error))
    WHERE stored_objects(output, error) IS NOT NULL;

-- Objects that a sweep found nothing to refer to, and when first: a sweep that finds the same a day later deletes them.
CREATE TABLE object_due (
    org_id   text COLLATE "C" NOT NULL,
    sha256   text COLLATE "C" NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, sha256)
);
