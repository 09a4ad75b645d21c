"""Conversations in the window: the sidebar, branches, presets, the prompt library, imports."""
