-- What was typed, attached or left in the middle, and not sent, belongs to its conversation and goes with it.
ALTER TABLE draft ADD COLUMN conversation_id INTEGER REFERENCES conversation ON DELETE CASCADE; -- null: to none yet
DELETE FROM draft
WHERE (key GLOB 'blind:[0-9]*' OR key GLOB 'queue [0-9]*')
  AND CAST(substr(key, 7) AS INTEGER) NOT IN (SELECT id FROM conversation);
UPDATE draft SET conversation_id = CAST(substr(key, 7) AS INTEGER)
WHERE key GLOB 'blind:[0-9]*' OR key GLOB 'queue [0-9]*';
CREATE INDEX draft_of_conversation ON draft (conversation_id);

-- A row: of what was erased, bytes may still stand in the file, until it is written anew.
CREATE TABLE leftover (id INTEGER PRIMARY KEY CHECK (id = 1));
CREATE TRIGGER conversation_erased AFTER DELETE ON conversation BEGIN
    INSERT OR IGNORE INTO leftover (id) VALUES (1);
END;
CREATE TRIGGER preset_erased AFTER DELETE ON preset BEGIN
    INSERT OR IGNORE INTO leftover (id) VALUES (1);
END;
CREATE TRIGGER saved_prompt_erased AFTER DELETE ON saved_prompt BEGIN
    INSERT OR IGNORE INTO leftover (id) VALUES (1);
END;
