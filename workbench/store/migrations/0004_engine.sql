-- What a pane is loaded with beside its model: adapters as JSON [[path, scale], …], and a process of its own or not.
ALTER TABLE pane ADD COLUMN adapters TEXT NOT NULL DEFAULT '[]';
ALTER TABLE pane ADD COLUMN isolated INTEGER NOT NULL DEFAULT 0;
