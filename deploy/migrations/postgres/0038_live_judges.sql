-- Live judges: what a policy lets them spend, and the answers that were given to one. Each answer is given once: the row
-- is there before the judge's run is submitted, under an id that follows from it.
ALTER TABLE prompt_scoring ADD COLUMN judge json;

CREATE TABLE live_judgement (
    org_id       text NOT NULL,
    prompt       text NOT NULL,
    version      integer NOT NULL,
    project      text,
    call         text COLLATE "C" NOT NULL,
    run_id       text COLLATE "C" NOT NULL,
    step_id      text COLLATE "C" NOT NULL,
    attempt      integer NOT NULL,
    scorer       text NOT NULL,
    weight       double precision NOT NULL,
    judge_run_id text COLLATE "C" NOT NULL,
    -- What the judge's run may cost at most, and after its end its cost.
    nano         bigint NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    PRIMARY KEY (org_id, call, scorer)
);
CREATE INDEX live_judgement_spent ON live_judgement (org_id, prompt, asked_at);
CREATE UNIQUE INDEX live_judgement_judge ON live_judgement (org_id, judge_run_id);
CREATE INDEX live_judgement_run ON live_judgement (org_id, run_id) WHERE ended_at IS NULL;
