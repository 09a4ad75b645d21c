"""llama-perplexity's file of a base model's predictions (--kl-divergence-base), written and read.

Layout, little-endian: ``_logits_``; int32 n_ctx, n_vocab, n_chunk; the n_chunk · n_ctx tokens as int32; then for
each scored token of each window a row of uint16: four that hold two float32, the step and the lowest ln p, then one
for each token of the vocabulary, filled up to an even number.  ln p = step · number + lowest; what is more than 16
nats below the likeliest is written as the lowest.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.engine.logits import Floats, RowWorkers, TokenDivergences, Tokens
from workbench.engine.native_rows import Rows
from workbench.engine.passages import Passage
from workbench.engine.scoring import Measured, Perplexity, Scorer, summed
from workbench.errors import DiskFullError, EngineError
from workbench.hardware.words import human_bytes
from workbench.jobs import CancelToken
from workbench.words import said

MAGIC = b"_logits_"
HEADER_BYTES = len(MAGIC) + 12
RANGE_NATS = 16.0
STEPS = 65535
HEAD = 4  # uint16 before the numbers of a row

Packed = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class BaseFile:
    """What a file says of itself; its rows are read a window at a time."""

    path: Path
    n_ctx: int
    n_vocab: int
    tokens: tuple[tuple[int, ...], ...]

    @property
    def n_scored(self) -> int:
        """Of each window."""
        return self.n_ctx - 1 - self.n_ctx // 2

    @property
    def rows_at(self) -> int:
        """Where the rows begin, in bytes."""
        return HEADER_BYTES + 4 * self.n_ctx * len(self.tokens)

    def passages(self, scorer: Scorer) -> tuple[Passage, ...]:
        """The windows as they were evaluated, the first token replaced by BOS where the vocabulary adds it.

        Raises EngineError for another vocabulary.
        """
        weights = scorer.weights
        if weights.n_vocab != self.n_vocab:
            raise EngineError(
                said(
                    "{file} is about a vocabulary of {n_vocab:,} tokens; {scorer} has {weights_n_vocab:,}.",
                    file=self.path.name,
                    n_vocab=self.n_vocab,
                    scorer=scorer.name,
                    weights_n_vocab=weights.n_vocab,
                ),
                hint=said("Compare files of the same model."),
            )
        heads = [(weights.bos,) if weights.adds_bos else window[:1] for window in self.tokens]
        first = self.n_ctx // 2 + 1
        return tuple(
            Passage(self.path.name, (*head, *window[1:]), first)
            for head, window in zip(heads, self.tokens, strict=True)
        )

    def rows(self, window: int) -> Packed:
        """Of one window, read as they are needed."""
        width = _width(self.n_vocab)
        offset = self.rows_at + window * self.n_scored * width * 2
        return np.memmap(self.path, np.uint16, "r", offset, (self.n_scored, width))


def is_base_file(path: Path) -> bool:
    """Whether the file begins as one; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_base(path: Path) -> BaseFile:
    """Raises EngineError for what is not such a file, or not all of it."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise _broken(path, said("it does not begin as one"))
            n_ctx, n_vocab, n_chunk = (int(number) for number in np.frombuffer(file.read(12), "<i4"))
            size = path.stat().st_size
            if n_ctx < 4 or n_vocab < 2 or n_chunk < 1 or 4 * n_ctx * n_chunk > size:
                raise _broken(path, said("its header makes no sense"))
            tokens = np.frombuffer(file.read(4 * n_ctx * n_chunk), "<i4").reshape(n_chunk, n_ctx)
    except OSError as error:
        raise _broken(path, said("it cannot be read ({strerror})", strerror=error.strerror)) from error
    except ValueError as error:
        raise _broken(path, said("it ends too soon")) from error
    if tokens.min() < 0 or tokens.max() >= n_vocab:
        raise _broken(path, said("it names tokens that its vocabulary lacks"))
    found = BaseFile(path, n_ctx, n_vocab, tuple(tuple(map(int, window)) for window in tokens))
    whole = found.rows_at + 2 * n_chunk * found.n_scored * _width(n_vocab)
    if size < whole:
        raise _broken(path, said("it ends after {size} of {whole}", size=human_bytes(size), whole=human_bytes(whole)))
    return found


def write_base(
    scorer: Scorer, tokens: Sequence[int], n_ctx: int, path: Path, cancel: CancelToken
) -> Generator[Measured, None, Perplexity]:
    """Evaluate a text's tokens in whole windows and write the file; the perplexity that llama-perplexity would print.

    Raises EngineError, DiskFullError, Cancelled; nothing is left then.
    """
    weights = scorer.weights
    windows = [tuple(tokens[at : at + n_ctx]) for at in range(0, len(tokens) - n_ctx + 1, n_ctx)]
    if not windows:
        raise EngineError(
            said("The text has {tokens_count:,} tokens; a window is {n_ctx:,}.", tokens_count=len(tokens), n_ctx=n_ctx),
            hint=said("Give a longer text or a shorter window."),
        )
    target = BaseFile(path, n_ctx, weights.n_vocab, tuple(windows))
    _check_disk(target)
    part = path.with_name(path.name + ".part")
    with contextlib.ExitStack() as undo:
        undo.callback(part.unlink, missing_ok=True)
        found = yield from _write(scorer, target, part, cancel)
        part.replace(path)
        undo.pop_all()
    return found


def _write(scorer: Scorer, target: BaseFile, part: Path, cancel: CancelToken) -> Generator[Measured, None, Perplexity]:
    found: list[tuple[Passage, Floats]] = []
    done, total = 0, target.n_ctx * len(target.tokens)
    yield Measured(0, total)
    with RowWorkers(scorer.n_threads) as workers, part.open("wb") as file:
        file.write(MAGIC + np.array([target.n_ctx, target.n_vocab, len(target.tokens)], "<i4").tobytes())
        file.write(np.array(target.tokens, "<i4").tobytes())
        for passage in target.passages(scorer):
            parts: list[Floats] = []
            for rows, targets, n_tokens in scorer.evaluated(passage, cancel):
                packed, nll = pack(rows, targets, workers)
                scorer.check(nll)
                file.write(packed.tobytes())
                parts.append(nll)
                done += n_tokens
            found.append((passage, np.concatenate(parts)))
            yield Measured(done, total)
    return summed(scorer.weights, found)


def pack(rows: Rows, targets: Tokens, workers: RowWorkers) -> tuple[Packed, Floats]:
    """Rows of logits as rows of the file, and −ln p of the targets; float32 where llama-perplexity has it."""
    n_vocab = rows.shape[1]
    packed = np.zeros((len(rows), _width(n_vocab)), np.uint16)
    nll = np.empty(len(rows), np.float64)

    def work(stretch: range) -> None:
        scratch = np.empty(n_vocab, np.float32)
        for index in stretch:
            row = rows[index]
            highest = row.max()
            with np.errstate(invalid="ignore"):
                np.subtract(row, highest, out=scratch)
                log_sum = np.float32(math.log(np.exp(scratch, out=scratch).sum(dtype=np.float64)))
            lowest = np.maximum(row.min(), highest - np.float32(RANGE_NATS))
            step = (highest - lowest) / np.float32(STEPS)
            packed[index, :HEAD] = np.array([step, lowest - highest - log_sum], np.float32).view(np.uint16)
            nll[index] = highest + log_sum - row[targets[index]]
            if step > 0:
                np.subtract(row, lowest, out=scratch)
                np.multiply(scratch, np.float32(1) / step, out=scratch)
                np.maximum(np.rint(scratch, out=scratch), 0, out=scratch)
                packed[index, HEAD : HEAD + n_vocab] = scratch

    workers.over(len(rows), work)
    return packed, nll


def unpack(packed: Packed, n_vocab: int) -> npt.NDArray[np.float32]:
    """One row's ln p."""
    step, lowest = packed[:HEAD].view(np.float32)
    found: npt.NDArray[np.float32] = packed[HEAD : HEAD + n_vocab].astype(np.float32)
    found *= step
    found += lowest
    return found


def packed_divergences(packed: Packed, rows: Rows, targets: Tokens, workers: RowWorkers) -> TokenDivergences:
    """As llama-perplexity computes them: in its precision, without tokens less likely than e^−16 in the base."""
    found = TokenDivergences.empty(len(targets), np.float32)
    n_vocab = rows.shape[1]

    def work(stretch: range) -> None:
        scratch = np.empty(n_vocab, np.float32)
        for index in stretch:
            row, base = rows[index], unpack(packed[index], n_vocab)
            top = int(row.argmax())
            with np.errstate(invalid="ignore"):
                np.subtract(row, row[top], out=scratch)
                log_sum = np.float32(math.log(np.exp(scratch, out=scratch).sum(dtype=np.float64)))
            total = row[top] + log_sum
            found.nll_base[index] = -base[targets[index]]
            found.nll[index] = total - row[targets[index]]
            np.subtract(base, row, out=scratch)
            np.add(scratch, total, out=scratch)
            scratch[base <= -RANGE_NATS] = 0
            found.top_base[index], found.top[index] = base.argmax(), top
            np.multiply(np.exp(base, out=base), scratch, out=scratch)
            found.kld[index] = scratch.sum(dtype=np.float64)

    workers.over(len(targets), work)
    return found


def _check_disk(target: BaseFile) -> None:
    needed = target.rows_at + 2 * len(target.tokens) * target.n_scored * _width(target.n_vocab)
    free = shutil.disk_usage(target.path.resolve().parent).free
    if needed > free:
        raise DiskFullError(
            said(
                "{target} would take {needed}; {free} is free.",
                target=target.path.name,
                needed=human_bytes(needed),
                free=human_bytes(free),
            ),
            hint=said("Give a shorter text, or compare both models directly, which stores nothing."),
        )


def _width(n_vocab: int) -> int:
    return 2 * ((n_vocab + 1) // 2) + HEAD


def _broken(path: Path, why: str) -> EngineError:
    return EngineError(
        said("{file} is no file of base predictions: {why}.", file=path.name, why=why),
        hint=said("Write it anew with workbench perplexity --save-base, or with llama-perplexity."),
    )
