"""A backend that is made when it is first asked for something."""

from __future__ import annotations

import threading

import pytest

from workbench.engine.base import LoadRequest
from workbench.engine.fake import FakeBackend, fake_model
from workbench.engine.later import LaterBackend
from workbench.errors import Cancelled, ModelLoadError
from workbench.jobs import CancelToken, run
from workbench.models.params import RunParams


class Making:
    """Counts how often a backend is made."""

    def __init__(self, error: ModelLoadError | None = None) -> None:
        self.backend = FakeBackend()
        self.made = 0
        self.error = error

    def __call__(self) -> FakeBackend:
        self.made += 1
        if self.error is not None:
            raise self.error
        return self.backend


def request() -> LoadRequest:
    return LoadRequest(fake_model("model"), RunParams(n_ctx=512))


def test_nothing_is_made_before_it_is_asked_for_and_nothing_to_be_closed() -> None:
    making = Making()
    later = LaterBackend(making)
    later.close()
    assert making.made == 0


def test_it_answers_as_the_one_it_makes_once() -> None:
    making = Making()
    later = LaterBackend(making)
    assert (later.name, later.version) == ("fake", "scripted")
    engine = run(lambda cancel: later.open(request(), cancel))
    assert engine.facts.model_name == "model"
    assert making.backend.opened == making.made == 1
    engine.close()
    later.close()


def test_a_load_that_was_cancelled_before_it_began_opens_nothing() -> None:
    making = Making()
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(lambda token: LaterBackend(making).open(request(), token), cancel=cancel)
    assert making.backend.opened == 0


def test_two_threads_that_ask_at_once_share_one() -> None:
    entered, go_on = threading.Event(), threading.Event()
    making = Making()

    def slowly() -> FakeBackend:
        entered.set()
        assert go_on.wait(60)
        return making()

    later = LaterBackend(slowly)
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(later.name)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.wait(60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert names == ["fake", "fake"]
    assert making.made == 1


def test_one_that_cannot_be_made_is_tried_again_by_whoever_asks_next() -> None:
    making = Making(ModelLoadError("No engine."))
    later = LaterBackend(making)
    with pytest.raises(ModelLoadError, match="No engine"):
        assert later.name
    making.error = None
    assert later.name == "fake"
    assert making.made == 2
