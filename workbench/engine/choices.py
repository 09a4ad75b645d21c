"""How likely each of several continuations is after one prompt, which is evaluated once for all of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.engine.base import Mode
from workbench.engine.logits import Floats, RowWorkers, Tokens, token_logprobs
from workbench.engine.native import Weights
from workbench.engine.native_rows import Rows
from workbench.engine.passages import N_UBATCH
from workbench.engine.prefix import BLOCK, boundary, common_length, pieces, reusable
from workbench.engine.scoring import Measured, Scorer
from workbench.engine.slots import Batch
from workbench.errors import ContextOverflowError, EngineError
from workbench.jobs import CancelToken
from workbench.models.params import RunParams
from workbench.words import said

SEQUENCES = 16  # choices evaluated in one batch


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """A continuation: ln p of each of its tokens, given the prompt and those before; ``n_bytes`` of its text."""

    token_logprobs: tuple[float, ...]
    n_bytes: int

    @property
    def n_tokens(self) -> int:
        return len(self.token_logprobs)

    @property
    def logprob(self) -> float:
        """ln p of the whole continuation."""
        return sum(self.token_logprobs)


class ChoiceScorer:
    """Scores continuations; what prompts have in common with the one before is not evaluated again.

    AUDIT evaluates every choice as a prompt of its own, in whole blocks: bit for bit what a cold context gives.
    THROUGHPUT evaluates only the choices' own tokens, many in one batch, which rounds differently.
    All calls on the thread that made it.
    """

    def __init__(
        self, name: str, weights: Weights, params: RunParams, *, n_threads: int = 1, mode: Mode = Mode.AUDIT
    ) -> None:
        """``params.n_ctx`` holds a prompt and all its choices.  Raises ModelLoadError when there is no room."""
        n_seq_max = 1 if mode is Mode.AUDIT else SEQUENCES + 1
        # With a cache for the window alone a prompt could not be gone back to.
        wanted = replace(params, n_seq_max=n_seq_max, kv_unified=True, swa_full=True)
        self._scorer = Scorer(name, weights, wanted, n_threads=n_threads)
        self._context = self._scorer.context
        self._mode = mode
        self._evaluated: tuple[int, ...] = ()  # what sequence 0 holds

    def scores(
        self, prefix: Sequence[int], choices: Sequence[Sequence[int]], cancel: CancelToken
    ) -> Generator[Measured, None, tuple[ChoiceScore, ...]]:
        """Raises ContextOverflowError, EngineError (an empty prompt or choice, NaN or infinite values), Cancelled."""
        self._check_room(prefix, choices)
        whole = self._apart if self._mode is Mode.AUDIT else self._together
        try:
            with RowWorkers(self._scorer.n_threads) as workers:
                found = yield from whole(tuple(prefix), choices, workers, cancel)
        except BaseException:
            # Nobody knows what the context holds; the next question starts over.
            self._evaluated = ()
            self._context.clear()
            raise
        return tuple(self._scored(choice, logprobs) for choice, logprobs in zip(choices, found, strict=True))

    def close(self) -> None:
        self._scorer.close()

    def __enter__(self) -> ChoiceScorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _apart(
        self, prefix: tuple[int, ...], choices: Sequence[Sequence[int]], workers: RowWorkers, cancel: CancelToken
    ) -> Generator[Measured, None, list[Floats]]:
        found: list[Floats] = []
        for index, choice in enumerate(choices):
            yield Measured(index, len(choices))
            tokens = (*prefix, *choice)
            common = common_length(self._evaluated, tokens)
            # The row before the first token of the choice is always wanted, so its block is evaluated anew.
            kept = self._keep(min(reusable(common, common, len(tokens), self._mode), boundary(len(prefix) - 1 + BLOCK)))
            parts = [
                token_logprobs(rows[: len(targets)], targets, workers)
                for rows, targets in self._rows_from(tokens, kept, len(prefix) - 1, cancel)
            ]
            found.append(np.concatenate(parts))
            self._scorer.check(found[-1])
        return found

    def _rows_from(
        self, tokens: tuple[int, ...], start: int, first_row: int, cancel: CancelToken
    ) -> Generator[tuple[Rows, Tokens], None, None]:
        """Evaluate from ``start`` on; the rows from ``first_row`` on with the token that followed each."""
        end, rows_max = len(tokens), self._scorer.rows_max
        for piece in pieces(start, end, min(N_UBATCH, rows_max)):
            cancel.raise_if_cancelled()
            n_outputs = max(0, piece.stop - max(first_row, piece.start))
            with self._scorer.failures():
                rows = self._context.rows(
                    tokens[piece.start : piece.stop], piece.start, n_outputs, lambda: cancel.cancelled
                )
            self._evaluated = tokens[: piece.stop]
            first = piece.stop - n_outputs
            yield rows, np.array(tokens[first + 1 : piece.stop + 1], np.int32)

    def _together(
        self, prefix: tuple[int, ...], choices: Sequence[Sequence[int]], workers: RowWorkers, cancel: CancelToken
    ) -> Generator[Measured, None, list[Floats]]:
        yield Measured(0, len(choices))
        kept = self._keep(min(common_length(self._evaluated, prefix), len(prefix) - 1))
        last = np.empty((0, 0), np.float32)
        for rows, _ in self._rows_from(prefix, kept, len(prefix) - 1, cancel):
            last = rows
        firsts = np.array([choice[0] for choice in choices], np.int32)
        # Every choice's first token is predicted by the one row of the prompt's last.
        found = [token_logprobs(np.broadcast_to(last[0], (1, last.shape[1])), firsts[i : i + 1], workers)
                 for i in range(len(choices))]  # fmt: skip
        longer = [index for index, choice in enumerate(choices) if len(choice) > 1]
        for group in self._groups(choices, longer):
            yield Measured(group[0], len(choices))
            cancel.raise_if_cancelled()
            rest = self._batch(prefix, choices, group, workers, cancel)
            for index, values in zip(group, rest, strict=True):
                found[index] = np.concatenate([found[index], values])
        self._scorer.check(np.concatenate(found))
        return found

    def _groups(self, choices: Sequence[Sequence[int]], indices: Sequence[int]) -> list[list[int]]:
        """Those that fit into one batch together."""
        groups: list[list[int]] = []
        room = 0
        for index in indices:
            count = len(choices[index]) - 1
            if not groups or count > room or len(groups[-1]) == SEQUENCES:
                groups.append([])
                room = min(N_UBATCH, self._scorer.rows_max)
            groups[-1].append(index)
            room -= count
        return groups

    def _batch(
        self,
        prefix: tuple[int, ...],
        choices: Sequence[Sequence[int]],
        group: Sequence[int],
        workers: RowWorkers,
        cancel: CancelToken,
    ) -> list[Floats]:
        """ln p of the second and later tokens of each choice of a group."""
        batch, targets = Batch(), list[int]()
        for sequence, index in enumerate(group, 1):
            choice = list(choices[index])
            self._context.share(0, sequence)
            batch.add(choice[:-1], len(prefix), sequence, output=False)
            targets += choice[1:]
        batch.outputs = [(row, batch.sequences[row]) for row in range(len(batch.tokens))]
        try:
            with self._scorer.failures():
                rows = self._context.rows_of(batch, lambda: cancel.cancelled)
            values = token_logprobs(rows, np.array(targets, np.int32), workers)
        finally:
            for sequence in range(1, len(group) + 1):
                self._context.forget(sequence)
        lengths = [len(choices[index]) - 1 for index in group]
        return np.split(values, np.cumsum(lengths)[:-1])

    def _keep(self, count: int) -> int:
        """Of sequence 0 the first ``count`` tokens; how many are kept."""
        if not count or not self._context.keep(count):
            count = 0
            self._context.clear()
        self._evaluated = self._evaluated[:count]
        return count

    def _check_room(self, prefix: Sequence[int], choices: Sequence[Sequence[int]]) -> None:
        name, room = self._scorer.name, self._context.n_ctx
        if not prefix or not choices or not all(choices):
            raise EngineError(
                said(
                    "{name} was asked to score nothing: a prompt and every choice need at least one token.", name=name
                ),
                hint=said("Write a prompt and the choices first."),
            )
        longest = max(map(len, choices))
        batch = min(N_UBATCH, self._scorer.rows_max)
        needed = len(prefix) + (longest if self._mode is Mode.AUDIT else max(batch, longest))
        needed = min(needed, len(prefix) + sum(map(len, choices)))
        if needed > room or longest > batch:
            raise ContextOverflowError(
                said(
                    "The prompt and its choices need {needed:,} tokens; the context holds {room:,}, and a "
                    "choice at most {batch:,}.",
                    needed=needed,
                    room=room,
                    batch=batch,
                ),
                hint=said("Shorten them, or raise the context."),
            )

    def _scored(self, choice: Sequence[int], logprobs: Floats) -> ChoiceScore:
        n_bytes = sum(len(self._scorer.weights.piece(token)) for token in choice)
        return ChoiceScore(tuple(map(float, logprobs)), n_bytes)
