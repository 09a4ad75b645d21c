"""Engines in this process or in one of their own, as each request says."""

from __future__ import annotations

from collections.abc import Callable, Generator

from workbench.engine.base import Backend, Engine, LoadEvent, LoadRequest
from workbench.engine.isolated import IsolatedBackend
from workbench.engine.llama import LlamaBackend
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.sentinel import Sentinel
from workbench.engine.smaller import SmallerBackend
from workbench.engine.vet import Vetter
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken


def llama_backend(
    vetter: Vetter, sentinel: Sentinel, machine: Callable[[], Hardware], prompt_cache: PromptCache
) -> Backend:
    """llama.cpp as the program uses it: here or apart, with less on a GPU that has no room, a mark left meanwhile.

    ``machine`` is asked when a GPU had no room.  A process apart needs no mark: it is its death that is told.
    """
    here = LlamaBackend(vetter, sentinel=sentinel, prompt_cache=prompt_cache)
    apart = IsolatedBackend(vetter, prompt_cache=prompt_cache)
    return ChoosingBackend(SmallerBackend(here, machine), SmallerBackend(apart, machine))


class ChoosingBackend:
    """``here`` opens what may run in this process, ``apart`` what is asked for ``isolated``."""

    def __init__(self, here: Backend, apart: Backend) -> None:
        self._here = here
        self._apart = apart

    @property
    def name(self) -> str:
        return self._here.name

    @property
    def version(self) -> str:
        return self._here.version

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        return (self._apart if request.isolated else self._here).open(request, cancel)

    def close(self) -> None:
        self._here.close()
        self._apart.close()
