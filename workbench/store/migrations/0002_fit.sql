-- What loads really took, how fast answers really were, and what llama.cpp said without allocating.
-- Facts only: reserves, speeds and verdicts are computed from them.

CREATE TABLE receipt (
    id              INTEGER PRIMARY KEY,
    made_at         TEXT NOT NULL,
    model_name      TEXT NOT NULL,
    model_path      TEXT NOT NULL,
    header_sha256   TEXT NOT NULL,
    architecture    TEXT NOT NULL,
    quantisation    TEXT NOT NULL,
    engine          TEXT NOT NULL,
    device_key      TEXT NOT NULL,
    params          TEXT NOT NULL, -- JSON
    predicted       TEXT NOT NULL, -- JSON: shares by device, each part with its basis
    predicted_basis TEXT NOT NULL,
    reported        TEXT NOT NULL, -- JSON: llama.cpp's buffers
    growth          TEXT NOT NULL, -- JSON
    load_ms         REAL NOT NULL,
    weights_shared  INTEGER NOT NULL
);
CREATE INDEX receipt_by_device ON receipt (device_key, id);

-- One answer's speed; bytes_per_token are the weights and cache read for each token at its mean position.
CREATE TABLE speed_run (
    id                   INTEGER PRIMARY KEY,
    ran_at               TEXT NOT NULL,
    device_key           TEXT NOT NULL,
    engine               TEXT NOT NULL,
    architecture         TEXT NOT NULL,
    header_sha256        TEXT NOT NULL,
    n_threads            INTEGER NOT NULL,
    bytes_per_token      INTEGER NOT NULL,
    decode_tokens        INTEGER NOT NULL,
    decode_ms            REAL NOT NULL,
    operations_per_token REAL NOT NULL,
    prefill_tokens       INTEGER NOT NULL,
    prefill_ms           REAL NOT NULL
);
CREATE INDEX speed_run_by_device ON speed_run (device_key, id);

-- The key is the identity of header, engine build and parameters.
CREATE TABLE probe (
    key       TEXT PRIMARY KEY,
    answer    TEXT NOT NULL, -- JSON
    probed_at TEXT NOT NULL
);

CREATE TABLE bandwidth (
    device_key  TEXT PRIMARY KEY,
    bytes_per_s REAL NOT NULL,
    measured_at TEXT NOT NULL
);

-- JSON: the very parameters a pane was asked to load; null: decided by the planner.
ALTER TABLE pane ADD COLUMN params TEXT;
