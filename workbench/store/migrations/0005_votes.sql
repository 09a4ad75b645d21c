-- Votes between two answers to one prompt.  What was compared stays when the answers go: models, sides, lengths.
CREATE TABLE ballot (
    id           INTEGER PRIMARY KEY,
    turn_id      INTEGER REFERENCES turn ON DELETE SET NULL,
    left_answer  INTEGER REFERENCES generation ON DELETE SET NULL,
    right_answer INTEGER REFERENCES generation ON DELETE SET NULL,
    left_side    TEXT NOT NULL, -- JSON: who answered, and how long
    right_side   TEXT NOT NULL,
    outcome      TEXT NOT NULL CHECK (outcome IN ('left', 'tie', 'right', 'both_bad')),
    blind        INTEGER NOT NULL CHECK (blind IN (0, 1)),
    automatic    INTEGER NOT NULL CHECK (automatic IN (0, 1)), -- identical answers: a tie nobody was asked about
    repeats      INTEGER REFERENCES ballot ON DELETE SET NULL, -- the same two answers, sides exchanged
    seed         INTEGER NOT NULL,
    comment      TEXT NOT NULL DEFAULT '',
    tags         TEXT NOT NULL DEFAULT '[]', -- JSON
    voted_at     TEXT NOT NULL,
    withdrawn_at TEXT -- null: it counts
);

CREATE INDEX ballot_of_turn ON ballot (turn_id);
