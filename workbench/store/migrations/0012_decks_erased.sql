-- A deck that was removed is erased in the end, as a preset is.
CREATE TRIGGER deck_erased AFTER DELETE ON deck BEGIN
    INSERT OR IGNORE INTO leftover (id) VALUES (1);
END;
