"""What else could have come: the likeliest tokens of a row of logits, and how likely the one taken was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.engine.logits import log_sum_exp


def candidates(row: npt.NDArray[np.float32], taken: int, count: int) -> tuple[float, list[tuple[int, float]]]:
    """ln p of the token taken, and the ``count`` likeliest with theirs, likeliest first, equal ones by number.

    Over the whole vocabulary, before any sampler; NaN where the row holds one.
    """
    largest, log_sum = log_sum_exp(row)
    count = min(count, len(row))
    # Only those are sorted that can be among the first.
    likeliest = np.argpartition(row, len(row) - count)[len(row) - count :] if count else np.empty(0, np.intp)
    ordered = sorted(likeliest.tolist(), key=lambda token: (-float(row[token]), token))

    def logprob(token: int) -> float:
        return float(row[token]) - float(largest) - log_sum

    return logprob(taken), [(token, logprob(token)) for token in ordered]
