"""A context for many sequences, and batches that mix them; arrays of our own that llama.cpp reads in place."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from workbench.engine import native
from workbench.engine.slots import Batch
from workbench.models.params import RunParams

SEQUENCES_MAX = 256  # llama.cpp: LLAMA_MAX_SEQ


class BatchContext(native.Context):
    """The memory of many sequences in one cache.  All calls on the thread that made it."""

    def __init__(self, weights: native.Weights, params: RunParams, *, n_threads: int = 1) -> None:
        """``params`` say how many sequences (``n_seq_max``) and cells (``n_ctx``) there are, for all together.

        Raises LoadFailed when there is no room for it.
        """
        super().__init__(weights, params, n_threads=n_threads)
        room = params.n_batch
        self._row_tokens = np.zeros(room, np.int32)
        self._row_positions = np.zeros(room, np.int32)
        self._row_sequences = np.zeros(room, np.int32)
        self._row_outputs = np.zeros(room, np.int8)
        self._row_counts = np.ones(room, np.int32)
        # llama.cpp takes a list of sequences for each row: here the address of the row's one number.
        first = self._row_sequences.ctypes.data
        self._row_lists = (first + 4 * np.arange(room)).astype(np.uintp)
        self._rows = self._point_at_rows()

    def evaluate(self, batch: Batch, stop: Callable[[], bool] | None = None) -> None:
        """Evaluate all rows of a batch; the logits of those that ask for them stay until the next one.

        ``stop`` is asked about 600 times a batch on the CPU and must not raise; None asks nobody, which is
        faster for a few rows.  Raises Aborted, NativeError; the memory is then in an unknown state.
        """
        count = len(batch.tokens)
        self._row_tokens[:count] = batch.tokens
        self._row_positions[:count] = batch.positions
        self._row_sequences[:count] = batch.sequences
        self._row_outputs[:count] = 0
        self._row_outputs[[row for row, _ in batch.outputs]] = 1
        self._rows.n_tokens = count
        if stop is not None:
            self._decode_stoppably(self._rows, stop)
        elif status := self._decode(self._context, self._rows):
            raise native.failure(status)

    def share(self, source: int, target: int) -> None:
        """``target`` continues what ``source`` holds: the same cells for both, or a state that is copied when used."""
        native.api().llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget(self, sequence: int) -> None:
        """A whole sequence; its cells are free unless others share them."""
        native.api().llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def __enter__(self) -> BatchContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _point_at_rows(self) -> Any:
        library = native.api()
        ints, bytes_ = ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(ctypes.c_int8)
        batch = library.llama_batch()
        batch.token = self._row_tokens.ctypes.data_as(ints)
        batch.pos = self._row_positions.ctypes.data_as(ints)
        batch.n_seq_id = self._row_counts.ctypes.data_as(ints)
        batch.seq_id = self._row_lists.ctypes.data_as(ctypes.POINTER(ints))
        batch.logits = self._row_outputs.ctypes.data_as(bytes_)
        return batch
