"""Statistics: pure functions and frozen values, known to no other room but by their callers."""
