-- Decks of prompts, and what a prompt of a run is called.  A run is a conversation of the kind 'deck'.
CREATE TABLE deck (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    prompts    TEXT NOT NULL, -- JSON
    changed_at TEXT NOT NULL,
    removed_at TEXT -- null: it is there
);

CREATE TABLE deck_turn (
    turn_id INTEGER PRIMARY KEY REFERENCES turn ON DELETE CASCADE,
    name    TEXT NOT NULL,
    tags    TEXT NOT NULL, -- JSON
    system  TEXT           -- null: the run's own
);
