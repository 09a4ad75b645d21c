"""What a conversation, or a prompt, is called as long as nobody names it."""

from __future__ import annotations

TITLE_LENGTH = 60


def title_of(prompt: str) -> str:
    """The first line of a prompt, short enough for a list."""
    line = next((line.strip() for line in prompt[:10_000].splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
