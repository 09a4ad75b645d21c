"""Real engines on real models: every test that opens one gets it closed."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from workbench.engine.base import Completion, Engine, LoadRequest, Message, Request, Sampling
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.params import RunParams

TODAY = datetime.date(2026, 3, 1)
GREEDY = Sampling(temperature=0)
SMALL = RunParams(n_ctx=1024, n_batch=256, n_ubatch=256)

Open: TypeAlias = Callable[..., Engine]


def load_request(path: Path, *, template: str | None = None, params: RunParams = SMALL) -> LoadRequest:
    return LoadRequest(describe(path), params, template)


def request(
    text: str, *, sampling: Sampling = GREEDY, max_tokens: int | None = 16, stop: tuple[str, ...] = ()
) -> Request:
    return Request((Message("user", text),), sampling, max_tokens, stop)


def answer(engine: Engine, asked: Request | str, cancel: CancelToken | None = None) -> Completion:
    """One whole answer, without looking at its events."""
    whole = request(asked) if isinstance(asked, str) else asked
    return run(lambda token: engine.stream(whole, token), cancel=cancel)


@pytest.fixture(scope="session")
def vetter() -> Vetter:
    """One for all tests, so that each file is tried in a child once."""
    return Vetter(RememberedVerdicts())


@pytest.fixture
def backend(vetter: Vetter) -> LlamaBackend:
    return LlamaBackend(vetter, today=lambda: TODAY)


@pytest.fixture
def open_model(backend: LlamaBackend) -> Iterator[Open]:
    opened: list[Engine] = []

    def open_one(path: Path, *, template: str | None = None, params: RunParams = SMALL) -> Engine:
        asked = load_request(path, template=template, params=params)
        opened.append(run(lambda cancel: backend.open(asked, cancel)))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()
    assert backend.loaded_count == 0
