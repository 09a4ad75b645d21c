"""Models where other programs keep them: found and read, never written, never copied."""
