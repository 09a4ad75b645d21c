-- Conversations as trees: a turn hangs on the turn it follows, an answer on the very answer it went on from.
-- Nothing is taken away by editing: an edited prompt is a turn beside the old one, an answer made again an attempt more.

ALTER TABLE turn ADD COLUMN parent_id INTEGER REFERENCES turn ON DELETE CASCADE; -- null: it begins the conversation
ALTER TABLE generation ADD COLUMN continues_id INTEGER REFERENCES generation ON DELETE SET NULL; -- null: it read none
-- 1: of the attempts at this prompt in this slot, this one is shown; where none has it, the newest is.
ALTER TABLE generation ADD COLUMN chosen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation ADD COLUMN stop_reason TEXT; -- as in the record; null: it is not finished

ALTER TABLE conversation ADD COLUMN head_turn_id INTEGER REFERENCES turn ON DELETE SET NULL; -- the branch shown last
ALTER TABLE conversation ADD COLUMN folder TEXT NOT NULL DEFAULT '';
ALTER TABLE conversation ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN deleted_at TEXT; -- null: it is there
-- 'deck': every prompt begins a conversation of its own.
ALTER TABLE conversation ADD COLUMN kind TEXT NOT NULL DEFAULT 'chat';
ALTER TABLE conversation ADD COLUMN source TEXT NOT NULL DEFAULT ''; -- in plain words, of what was imported

-- What one pane does differently from the others; null: as all do.
ALTER TABLE pane ADD COLUMN sampling TEXT; -- JSON
ALTER TABLE pane ADD COLUMN system TEXT;

CREATE TABLE conversation_tag (
    conversation_id INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    tag             TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (conversation_id, tag)
);

CREATE TABLE preset (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    record     TEXT NOT NULL, -- JSON: system prompt, options, panes, context
    changed_at TEXT NOT NULL,
    removed_at TEXT -- null: it is there
);

CREATE TABLE saved_prompt (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    text       TEXT NOT NULL,
    folder     TEXT NOT NULL DEFAULT '',
    tags       TEXT NOT NULL DEFAULT '[]', -- JSON
    changed_at TEXT NOT NULL,
    removed_at TEXT
);

-- Until now a conversation was one line of turns.
UPDATE turn SET parent_id = (
    SELECT before.id FROM turn AS before
    WHERE before.conversation_id = turn.conversation_id AND before.position < turn.position
    ORDER BY before.position DESC LIMIT 1
);
UPDATE conversation SET head_turn_id = (
    SELECT id FROM turn WHERE turn.conversation_id = conversation.id ORDER BY position DESC LIMIT 1
);
-- What was sent along was the newest answer of the same slot, of earlier turns, without those that failed or are empty.
UPDATE generation SET continues_id = (
    SELECT earlier.id
    FROM turn AS mine
    JOIN turn AS theirs ON theirs.conversation_id = mine.conversation_id AND theirs.position < mine.position
    JOIN generation AS earlier ON earlier.turn_id = theirs.id AND earlier.slot = generation.slot
    WHERE mine.id = generation.turn_id AND earlier.state <> 'failed' AND earlier.text <> ''
      AND earlier.attempt = (
          SELECT max(attempt) FROM generation AS newest WHERE newest.turn_id = theirs.id AND newest.slot = earlier.slot
      )
    ORDER BY theirs.position DESC LIMIT 1
);
UPDATE generation SET stop_reason = json_extract(record, '$.stop_reason') WHERE state IN ('done', 'failed');

CREATE INDEX turn_shape ON turn (conversation_id, id, parent_id);
CREATE INDEX turn_of_parent ON turn (parent_id);
-- A record may be long, and these columns lie behind it: the shape of a conversation is read from here alone.
CREATE INDEX generation_shape ON generation (
    turn_id, slot, attempt, state, model_name, stop_reason, continues_id, chosen
);
CREATE INDEX generation_of_earlier ON generation (continues_id);
CREATE INDEX conversation_of_head ON conversation (head_turn_id);
CREATE INDEX ballot_of_left ON ballot (left_answer);
CREATE INDEX ballot_of_right ON ballot (right_answer);

-- Words, for searching.  An answer is taken in once it is there, not while it is being written.
CREATE VIRTUAL TABLE title_words USING fts5(
    title, content='conversation', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3'
);
CREATE VIRTUAL TABLE prompt_words USING fts5(
    prompt, content='turn', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3'
);
CREATE VIRTUAL TABLE answer_words USING fts5(
    text, content='generation', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3'
);

-- What the words are out of date of.  Triggers may not write a virtual table where the schema is not trusted.
CREATE TABLE reindex (
    place  TEXT NOT NULL CHECK (place IN ('title_words', 'prompt_words', 'answer_words')),
    number INTEGER NOT NULL, -- the row's
    before TEXT, -- what was taken in of it; null: nothing
    PRIMARY KEY (place, number)
);

CREATE TRIGGER title_added AFTER INSERT ON conversation BEGIN
    INSERT OR IGNORE INTO reindex (place, number) VALUES ('title_words', new.id);
END;
CREATE TRIGGER title_changed AFTER UPDATE OF title ON conversation BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('title_words', old.id, old.title);
END;
CREATE TRIGGER title_removed AFTER DELETE ON conversation BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('title_words', old.id, old.title);
END;

CREATE TRIGGER prompt_added AFTER INSERT ON turn BEGIN
    INSERT OR IGNORE INTO reindex (place, number) VALUES ('prompt_words', new.id);
END;
CREATE TRIGGER prompt_changed AFTER UPDATE OF prompt ON turn BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('prompt_words', old.id, old.prompt);
END;
CREATE TRIGGER prompt_removed AFTER DELETE ON turn BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('prompt_words', old.id, old.prompt);
END;

CREATE TRIGGER answer_added AFTER INSERT ON generation WHEN new.state <> 'running' BEGIN
    INSERT OR IGNORE INTO reindex (place, number) VALUES ('answer_words', new.id);
END;
CREATE TRIGGER answer_ended AFTER UPDATE OF text, state ON generation
WHEN old.state = 'running' AND new.state <> 'running' BEGIN
    INSERT OR IGNORE INTO reindex (place, number) VALUES ('answer_words', new.id);
END;
CREATE TRIGGER answer_changed AFTER UPDATE OF text, state ON generation WHEN old.state <> 'running' BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('answer_words', old.id, old.text);
END;
CREATE TRIGGER answer_removed AFTER DELETE ON generation WHEN old.state <> 'running' BEGIN
    INSERT OR IGNORE INTO reindex (place, number, before) VALUES ('answer_words', old.id, old.text);
END;

INSERT INTO title_words (title_words) VALUES ('rebuild');
INSERT INTO prompt_words (prompt_words) VALUES ('rebuild');
INSERT INTO answer_words (rowid, text) SELECT id, text FROM generation WHERE state <> 'running';
