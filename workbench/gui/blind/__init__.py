"""Blind mode: answers without names, votes on them, and the reveal."""
