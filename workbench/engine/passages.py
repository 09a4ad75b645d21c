"""Texts cut into passages: what is evaluated at once, and which of its tokens are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.engine.base import Message
from workbench.engine.native import Weights
from workbench.engine.prefix import BLOCK, pieces
from workbench.errors import EngineError
from workbench.words import said

N_UBATCH = 512
ROWS_BYTES = 128 * 2**20
MIN_TOKENS = 8  # below it, half a window is too little to score


@dataclass(frozen=True, slots=True)
class Text:
    """What a passage comes from; passages of one text are not independent of each other."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Tokens evaluated from an empty context on; those from ``first`` on are scored, each given all before it."""

    text: str
    tokens: tuple[int, ...]
    first: int

    @property
    def n_scored(self) -> int:
        return len(self.tokens) - self.first

    @property
    def scored(self) -> tuple[int, ...]:
        return self.tokens[self.first :]


def text_tokens(weights: Weights, text: str) -> list[int]:
    """As llama-perplexity reads a file: BOS where the vocabulary adds it, control tokens as plain text, and
    without the newline that editors put at the end."""
    tokens = weights.tokenize(text.removesuffix("\n"), special=False)
    return [weights.bos, *tokens] if weights.adds_bos else tokens


def windows(weights: Weights, text: Text, n_ctx: int) -> tuple[Passage, ...]:
    """llama-perplexity's windows: ``n_ctx`` tokens each, the first replaced by BOS, the second half scored.

    What is left after the last whole window is not scored; a text shorter than one is one window itself.
    Raises EngineError for a text of less than 8 tokens.
    """
    tokens = text_tokens(weights, text.text)
    if len(tokens) < MIN_TOKENS:
        raise EngineError(
            said(
                "{text} has {tokens_count} tokens; at least {min_tokens} are needed.",
                text=text.name,
                tokens_count=len(tokens),
                min_tokens=MIN_TOKENS,
            ),
            hint=said("Choose a longer text."),
        )
    length = min(n_ctx, len(tokens))
    starts = range(0, len(tokens) - length + 1, length)
    return tuple(_window(weights, text.name, tokens[start : start + length]) for start in starts)


def _window(weights: Weights, name: str, tokens: list[int]) -> Passage:
    head = [weights.bos] if weights.adds_bos else tokens[:1]
    return Passage(name, (*head, *tokens[1:]), len(tokens) // 2 + 1)


def answers(
    weights: Weights, write: Callable[[Sequence[Message]], Sequence[int]], name: str, messages: Sequence[Message]
) -> tuple[Passage, ...]:
    """What the assistant said in a conversation, each time given the prompt that really came before.

    ``write`` gives a prompt's tokens, ready for the answer.  Only the answers' own tokens are scored.
    """
    found = []
    for index, message in enumerate(messages):
        said = weights.tokenize(message.content, special=False) if message.role == "assistant" and index else []
        if said:
            prompt = tuple(write(messages[:index]))
            found.append(Passage(name, (*prompt, *said), len(prompt)))
    return tuple(found)


def rows_at_once(n_vocab: int) -> int:
    """How many rows are held at a time: 128 MiB of them, in blocks of 64, at most a micro-batch."""
    return max(2 * BLOCK, min(N_UBATCH, ROWS_BYTES // (4 * n_vocab) // BLOCK * BLOCK))


def cuts(passage: Passage, rows_max: int) -> list[range]:
    """The pieces in which a passage is evaluated, none with more than ``rows_max`` rows wanted.

    The cuts are where an answer's prompt is cut, so that the logits are the same, bit for bit, as without them.
    """
    end, first_row = len(passage.tokens), passage.first - 1
    if end <= N_UBATCH and end - first_row <= rows_max:
        return [range(end)]
    start = max(0, min(first_row, end - BLOCK)) // BLOCK * BLOCK
    return [*(pieces(0, start, N_UBATCH) if start else ()), *pieces(start, end, rows_max)]
