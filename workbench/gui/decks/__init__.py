"""Decks of prompts: made, run over a set of models, looked at."""
