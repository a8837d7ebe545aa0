-- Cells: where organisations are that are not simply here, and their moves (schemas/cells/moves.py).

-- An organisation without a row is here. `cell` and `url` are the other cell of a move, `move_id` names it.
CREATE TABLE organisation_place (
    org_id  text COLLATE "C" PRIMARY KEY,
    place   text NOT NULL CHECK (place IN ('leaving', 'frozen', 'arriving', 'left')),
    cell    text NOT NULL,
    url     text NOT NULL,
    move_id text NOT NULL,
    since   timestamptz NOT NULL DEFAULT now()
);

-- Moves away from this cell. One process at a time works on one, under a lease.
CREATE TABLE cell_move (
    id           text PRIMARY KEY,
    org_id       text NOT NULL,
    to_cell      text NOT NULL,
    to_url       text NOT NULL,
    state        text NOT NULL,
    attempt      integer NOT NULL DEFAULT 0,
    abort        boolean NOT NULL DEFAULT false,
    problem      text NOT NULL DEFAULT '',
    report       jsonb NOT NULL DEFAULT '{}',
    started_by   text NOT NULL,
    wait_until   timestamptz NOT NULL,
    lease        text NOT NULL DEFAULT '',
    leased_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    state_at     timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz
);
CREATE UNIQUE INDEX cell_move_open ON cell_move (org_id) WHERE ended_at IS NULL;
CREATE INDEX cell_move_of ON cell_move (org_id, created_at DESC);

-- Moves to this cell.
CREATE TABLE cell_arrival (
    move_id    text PRIMARY KEY,
    org_id     text NOT NULL,
    from_cell  text NOT NULL,
    attempt    integer NOT NULL,
    state      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    state_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX cell_arrival_of ON cell_arrival (org_id, created_at DESC);
