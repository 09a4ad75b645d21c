-- Votes out of a file: which one (empty: cast in this program), and the prompt and the two texts as JSON, which no turn holds.
ALTER TABLE ballot ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE ballot ADD COLUMN compared TEXT;
