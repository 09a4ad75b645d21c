"""One token for two who may ask the same work to stop."""

from __future__ import annotations

import time

from workbench.jobs import CancelToken


class Either(CancelToken):
    """Set when one of two is."""

    _POLL_S = 0.05

    def __init__(self, one: CancelToken, other: CancelToken) -> None:
        super().__init__()
        self._both = (one, other)

    @property
    def cancelled(self) -> bool:
        return super().cancelled or any(token.cancelled for token in self._both)

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while not self.cancelled and (left_s := until - time.monotonic()) > 0:
            self._both[0].wait(min(left_s, self._POLL_S))
        return self.cancelled
