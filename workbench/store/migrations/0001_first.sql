-- Conversations: panes asked the same turns, each answer a generation.  Times are ISO 8601, UTC.

CREATE TABLE conversation (
    id            INTEGER PRIMARY KEY,
    title         TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    changed_at    TEXT NOT NULL,
    system_prompt TEXT NOT NULL DEFAULT '',
    sampling      TEXT NOT NULL DEFAULT '{}' -- JSON
);

CREATE TABLE pane (
    conversation_id INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    slot            INTEGER NOT NULL,
    model_path      TEXT,
    n_ctx           INTEGER NOT NULL,
    n_threads       INTEGER, -- null: decided by the program
    template        TEXT,    -- null: the file's own
    PRIMARY KEY (conversation_id, slot)
);

CREATE TABLE turn (
    id              INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    position        INTEGER NOT NULL,
    prompt          TEXT NOT NULL,
    asked_at        TEXT NOT NULL,
    UNIQUE (conversation_id, position)
);

CREATE TABLE generation (
    id           INTEGER PRIMARY KEY,
    turn_id      INTEGER NOT NULL REFERENCES turn ON DELETE CASCADE,
    slot         INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    model_name   TEXT NOT NULL,
    model_path   TEXT NOT NULL,
    family       TEXT NOT NULL,
    quantisation TEXT NOT NULL,
    synthetic    INTEGER NOT NULL,
    text         TEXT NOT NULL DEFAULT '',
    -- JSON: stop reason, timings, rendered prompt, template source, seed, parameters, error
    record       TEXT NOT NULL DEFAULT '{}',
    started_at   TEXT NOT NULL,
    finished_at  TEXT,
    UNIQUE (turn_id, slot, attempt)
);

-- Files outside the models folder that the user added.
CREATE TABLE library_file (
    path     TEXT PRIMARY KEY,
    added_at TEXT NOT NULL
);

-- A hash is good for as long as size and time of the file stay the same.
CREATE TABLE file_digest (
    path       TEXT PRIMARY KEY,
    size_bytes INTEGER,
    mtime_ns   INTEGER,
    sha256     TEXT
);

-- What a child process found when it first opened a file; the key is the identity of file and engine.
CREATE TABLE vet (
    key       TEXT PRIMARY KEY,
    accepted  INTEGER NOT NULL,
    code      TEXT,
    message   TEXT,
    hint      TEXT,
    vetted_at TEXT NOT NULL
);

CREATE TABLE licence_consent (
    model     TEXT NOT NULL,
    licence   TEXT NOT NULL,
    agreed_at TEXT NOT NULL,
    PRIMARY KEY (model, licence)
);

-- Unsent text, by the field it was typed into.
CREATE TABLE draft (
    key  TEXT PRIMARY KEY,
    text TEXT NOT NULL
);
