"""A context that tells the logits of many tokens at once: one row for each token that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from workbench.engine import native
from workbench.engine.native_batch import BatchContext
from workbench.engine.slots import Batch
from workbench.models.params import RunParams

Rows = npt.NDArray[np.float32]


class RowContext(BatchContext):
    """For scoring texts.  All calls on the thread that made it."""

    def __init__(self, weights: native.Weights, params: RunParams, *, n_threads: int = 1) -> None:
        """``params.n_outputs_max`` is how many rows a batch may ask for.  Raises LoadFailed when there is no room."""
        super().__init__(weights, params, n_threads=n_threads)
        self._rows_max = params.n_outputs_max

    def rows(
        self, tokens: Sequence[int], position: int, n_outputs: int, stop: Callable[[], bool], *, sequence: int = 0
    ) -> Rows:
        """Evaluate consecutive tokens of one sequence; the rows of the last ``n_outputs`` of them.

        Row i predicts what follows token i.  The rows are llama.cpp's own memory, valid until the next
        evaluation.  ``stop`` is asked about 600 times a batch on the CPU and must not raise.  Raises Aborted,
        NativeError.
        """
        count = len(tokens)
        outputs = [(row, sequence) for row in range(count - n_outputs, count)]
        batch = Batch(list(tokens), list(range(position, position + count)), [sequence] * count, outputs)
        return self.rows_of(batch, stop)

    def rows_of(self, batch: Batch, stop: Callable[[], bool]) -> Rows:
        """The rows of a batch's outputs, in their order; see ``rows``."""
        # llama.cpp asserts it, which would end the process.
        if len(batch.outputs) > self._rows_max:
            raise ValueError(f"{len(batch.outputs)} rows were asked for; this context gives {self._rows_max}")
        self.evaluate(batch, stop)
        if not batch.outputs:
            return np.empty((0, self._n_vocab), np.float32)
        pointer = native.api().llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=(len(batch.outputs), self._n_vocab))
