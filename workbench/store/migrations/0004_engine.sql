-- What a pane is loaded with beside its model: adapters as JSON [[path, scale], …], and a process of its own or not.
ALTER TABLE pane ADD COLUMN adapters TEXT NOT NULL DEFAULT '[]';
ALTER TABLE pane ADD COLUMN isolated INTEGER NOT NULL DEFAULT 0;

-- How many prompts at a time, in batches of how many tokens: the key is the identity of header, engine build,
-- threads and placement.
CREATE TABLE batch_tuning (
    key          TEXT PRIMARY KEY,
    slots        INTEGER NOT NULL,
    n_batch      INTEGER NOT NULL,
    tokens_per_s REAL NOT NULL, -- of all slots together, while they decode
    tuned_at     TEXT NOT NULL
);
