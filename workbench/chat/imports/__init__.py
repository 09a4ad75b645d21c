"""Conversations of other programs."""
