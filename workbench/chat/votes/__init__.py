"""Blind rounds, votes as rows and files, and what they say about models."""
