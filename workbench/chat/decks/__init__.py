"""Decks of prompts, and their runs over a set of models."""
