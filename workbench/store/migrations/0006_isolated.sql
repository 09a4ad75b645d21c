-- Models that always get a process of their own.  A row says so; without one the settings decide.
CREATE TABLE isolated_model (
    header_sha256 TEXT PRIMARY KEY,
    since         TEXT NOT NULL
);
