-- The queue of downloads.  How far a file has come stands in the journal beside it, not here.

CREATE TABLE download (
    id          INTEGER PRIMARY KEY,
    position    INTEGER NOT NULL,
    repository  TEXT NOT NULL,
    commit_hash TEXT NOT NULL,
    gated       INTEGER NOT NULL CHECK (gated IN (0, 1)),
    path        TEXT NOT NULL, -- of the first file, in the repository
    replaces    INTEGER NOT NULL CHECK (replaces IN (0, 1)),
    state       TEXT NOT NULL CHECK (state IN ('queued', 'paused', 'cancelled', 'failed', 'publishing', 'done')),
    reason      TEXT, -- JSON: why it is paused or failed; null: the user's wish
    added_at    TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    UNIQUE (repository, path)
);

CREATE TABLE download_file (
    download_id INTEGER NOT NULL REFERENCES download ON DELETE CASCADE,
    number      INTEGER NOT NULL, -- from 0, in the model's own order
    path        TEXT NOT NULL,
    size_bytes  INTEGER, -- null: the hub was not asked yet; sha256 too
    sha256      TEXT,
    etag        TEXT NOT NULL,
    PRIMARY KEY (download_id, number)
);

-- A model keeps its name while its file is there; the identity is its path, or its name in another program.
CREATE TABLE library_name (
    identity TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE COLLATE NOCASE
);

-- Folders that the user added; they are watched, and never written.
CREATE TABLE library_folder (
    path     TEXT PRIMARY KEY,
    added_at TEXT NOT NULL
);

-- Files outside the models folder that this program put there itself, so that it may remove them again.
CREATE TABLE own_file (
    path      TEXT PRIMARY KEY,
    sha256    TEXT NOT NULL,
    placed_at TEXT NOT NULL
);

-- Moves that are decided: every file was copied and verified, and is still to be put in its place.
CREATE TABLE unfinished_move (
    source TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    opens  INTEGER NOT NULL CHECK (opens IN (0, 1)) -- the model is known by this one of its files
);

-- Licences the user agreed to.  A hub's names of repositories are the same in any case.
CREATE TABLE licence_agreement (
    repository TEXT NOT NULL COLLATE NOCASE,
    licence    TEXT NOT NULL,
    revision   TEXT NOT NULL, -- a commit
    agreed_at  TEXT NOT NULL,
    PRIMARY KEY (repository, licence, revision)
);

-- Packs that were installed: an older one of the same name and signer is not taken for news.
CREATE TABLE installed_pack (
    identity     TEXT PRIMARY KEY, -- SHA-256 of its pack.json
    name         TEXT NOT NULL,
    signer       TEXT, -- a public key of minisign; null: not signed with one that was accepted
    created_at   TEXT NOT NULL,
    installed_at TEXT NOT NULL
);
