"""Conversations, panes and comparisons, without a window."""
