"""A receipt: what was predicted for a load, beside what llama.cpp reported and what the process grew by."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.breakdown import RAM, Share
from workbench.models.exact import Buffer
from workbench.models.params import RunParams

_MAPPED = "_Mapped"  # how llama.cpp names buffers that are the file's own pages
FLAGGED_SHARE = 0.02  # a difference above this share of the prediction is worth a report


@dataclass(frozen=True, slots=True)
class Growth:
    """What a load changed, measured from outside llama.cpp; ``alone`` when nothing else of this program was
    loading or answering meanwhile.

    ``process_bytes`` is the growth of this process's own memory (Linux: anonymous pages and the mapped model
    file's resident ones; elsewhere the unique set size).  ``device_bytes`` is what each device's free memory
    fell by, by device name, other programs' doings included.  Until an answer was written (``warm``) some of
    what was reserved has not been touched, and does not count as the process's yet.
    """

    process_bytes: int | None
    device_bytes: tuple[tuple[str, int], ...]
    alone: bool
    warm: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """Stored after every real load, never changed; ``id`` is 0 before it is stored.

    ``predicted`` are the fit's shares, ``reported`` llama.cpp's own buffers after the load.
    ``predicted_basis`` is "exact" or "estimate".  ``made_at`` is ISO 8601, UTC.  ``device_key`` is the device
    that most of the weights went to; ``device_keys`` say for each device's name, and for "RAM", under which key
    its learnt figures are kept.  ``session`` is the same for all loads of one run of the program.
    """

    id: int
    made_at: str
    model_name: str
    model_path: str
    header_sha256: str
    architecture: str
    quantisation: str
    engine: str
    device_key: str
    params: RunParams
    predicted: tuple[Share, ...]
    predicted_basis: str
    reported: tuple[Buffer, ...]
    growth: Growth
    load_ms: float
    weights_shared: bool
    device_keys: tuple[tuple[str, str], ...] = ()
    session: str = ""

    @property
    def predicted_bytes(self) -> int:
        """Of what llama.cpp reports on: weights, cache and compute."""
        return sum(share.total_bytes - share.overhead_bytes for share in self.predicted)

    @property
    def reported_bytes(self) -> int:
        return sum(buffer.weights_bytes + buffer.kv_bytes + buffer.compute_bytes for buffer in self.reported)

    @property
    def difference(self) -> float:
        """(reported - predicted) / predicted: above 0 the load took more than was said."""
        return (self.reported_bytes - self.predicted_bytes) / self.predicted_bytes if self.predicted_bytes else 0.0

    @property
    def flagged(self) -> bool:
        return abs(self.difference) > FLAGGED_SHARE

    def reported_on(self, device: str) -> int:
        """Bytes of llama.cpp's buffers on one device."""
        return sum(
            buffer.weights_bytes + buffer.kv_bytes + buffer.compute_bytes
            for buffer in self.reported
            if buffer.device == device
        )

    @property
    def copied_bytes(self) -> int:
        """Weights with a copy outside the mapped file: on a GPU, or rearranged for the processor.

        The file's own pages of them may still count as the process's; the system takes them back when it needs them.
        """
        mapped = [buffer for buffer in self.reported if buffer.name.endswith(_MAPPED)]
        copies = sum(buffer.weights_bytes for buffer in self.reported if buffer not in mapped)
        return copies if mapped else 0

    @property
    def beyond_prediction_bytes(self) -> int | None:
        """What the process grew by beyond everything predicted for main memory; below 0 it took less.

        Pages of the file that were only read to be copied do not count.  None where the growth was not measured
        or no answer was written, or where the weights were there already.
        """
        if self.growth.process_bytes is None or not self.growth.warm or self.weights_shared:
            return None
        predicted = sum(share.total_bytes for share in self.predicted if share.device == RAM)
        beyond = self.growth.process_bytes - predicted
        return beyond if beyond <= 0 else max(0, beyond - self.copied_bytes)
