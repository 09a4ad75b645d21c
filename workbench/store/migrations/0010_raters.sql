-- Who gave a vote (empty: one who gave no name), and which prompt it is about, which outlives the prompt's text: votes about
-- one prompt, or by one rater, hang together.
ALTER TABLE ballot ADD COLUMN rater TEXT NOT NULL DEFAULT '';
ALTER TABLE ballot ADD COLUMN about TEXT NOT NULL DEFAULT ''; -- empty: by the prompt that is there, or not known
