-- Live scoring: which share of a prompt's live answers is scored, and how. It changes no request, so no version has it.
CREATE TABLE prompt_scoring (
    org_id     text NOT NULL REFERENCES organisation (id),
    name       text NOT NULL,
    sample     double precision NOT NULL CHECK (sample >= 0 AND sample <= 1),
    scorers    json NOT NULL,
    version    integer,
    label      text,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, name)
);

-- Ended runs whose answers are to be looked at. History adds them with their last state, in one transaction; the pause
-- is for steps whose state comes a little later. A row is removed after its scores are stored and sent.
CREATE TABLE live_score_due (
    org_id text NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now() + interval '1 second',
    PRIMARY KEY (org_id, run_id)
);
CREATE INDEX live_score_due_at ON live_score_due (due_at);

-- One row for each scorer of an answer, written once. Without a score the scorer failed, and the note says why.
CREATE TABLE live_score (
    org_id     text NOT NULL,
    prompt     text NOT NULL,
    version    integer NOT NULL,
    project    text,
    call       text COLLATE "C" NOT NULL,
    run_id     text COLLATE "C" NOT NULL,
    step_id    text COLLATE "C" NOT NULL,
    attempt    integer NOT NULL,
    scorer     text NOT NULL,
    weight     double precision NOT NULL,
    score      double precision,
    note       text NOT NULL,
    scored_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, call, scorer)
);
CREATE INDEX live_score_prompt ON live_score (org_id, prompt, scored_at);
CREATE INDEX live_score_run ON live_score (org_id, run_id);
