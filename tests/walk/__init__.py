"""A newcomer's walk through the real program: keys and clicks on a real screen, read as a screen reader reads it."""
