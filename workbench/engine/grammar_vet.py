"""Whether a grammar may be used in this process: written from once in a child, on the model's own vocabulary.

``grammar.check`` refuses what llama.cpp is known to fail on.  What is left are grammars that can be read in so many
ways that a single token takes minutes, or all memory; nothing in this process could stop that.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workbench.engine import child, native
from workbench.engine.base import Constraint, Grammar
from workbench.engine.child_limits import limit
from workbench.engine.native_grammar import HeldToGrammar, Row
from workbench.engine.sampling import gbnf_of
from workbench.errors import GenerationError, GrammarError, WorkbenchError
from workbench.jobs import CancelToken
from workbench.words import said

TRIAL_S = 20.0
TRIAL_TOKENS = 48
TRIAL_BYTES = 1024 * 1024 * 1024

SEEDS = (1, 2)

_HINT = said("Let the grammar's alternatives begin differently, and repeat less.")


class GrammarVetter:
    """Remembers the grammars that were tried, for as long as the program runs."""

    def __init__(self) -> None:
        self._sound: set[str] = set()
        self._lock = threading.Lock()  # guards _sound: panes ask from lanes of their own

    def admit(self, constraint: Constraint | None, model: Path, cancel: CancelToken) -> None:
        """Refuse what cannot be used before a prompt is evaluated; a user's own grammar is tried in a child.

        Raises SchemaError, GrammarError, GenerationError; Cancelled.
        """
        if constraint is not None:
            gbnf_of(constraint)
        if isinstance(constraint, Grammar):
            self._vet(constraint, model, cancel)

    def _vet(self, grammar: Grammar, model: Path, cancel: CancelToken) -> None:
        key = hashlib.sha256(f"{model.absolute()}\n{grammar.gbnf}".encode()).hexdigest()
        with self._lock:
            if key in self._sound:
                return
        _try(grammar, model, cancel)
        with self._lock:
            self._sound.add(key)


GRAMMARS = GrammarVetter()  # one for all engines: a grammar is the same in every pane


def _try(grammar: Grammar, model: Path, cancel: CancelToken) -> None:
    request = {"path": str(model.absolute()), "gbnf": grammar.gbnf}
    try:
        report = child.call("grammar", request, cancel, stage_s={"grammar": TRIAL_S})
    except child.ChildTimeoutError as error:
        raise GrammarError(said("The grammar takes llama.cpp too long: {error}.", error=error), hint=_HINT) from error
    except child.ChildCrashedError as error:
        raise GrammarError(said("The grammar ends llama.cpp ({reason}).", reason=error.reason), hint=_HINT) from error
    except child.ChildGarbledError as error:
        raise GrammarError(
            said("The grammar could not be tried: {error}.", error=error), hint=said("Try again.")
        ) from error
    if "error" in report:
        told = report["error"]
        kind: type[WorkbenchError] = GenerationError if told["code"] == GenerationError.code else GrammarError
        raise kind(told["message"], hint=told["hint"])


def attempt(request: Mapping[str, Any]) -> None:
    """In the child: write at random what the grammar allows, long tokens first and any tokens after.

    Raises GrammarError and GenerationError; what cannot be said in words ends the process.
    """
    with native.Weights(Path(request["path"]), n_gpu_layers=0, vocab_only=True) as weights:
        limit("RLIMIT_AS", psutil.Process().memory_info().vms + TRIAL_BYTES)
        lengths = np.array([len(weights.piece(token)) for token in range(weights.n_vocab)], np.float32)
        for seed in SEEDS:
            _write(weights, request["gbnf"], seed, lengths if seed == SEEDS[0] else np.zeros_like(lengths))


def _write(weights: native.Weights, gbnf: str, seed: int, liking: Any) -> None:
    rng = np.random.default_rng(seed)
    row, greedy = Row(weights.n_vocab), native.api().llama_sampler_init_greedy()
    held = HeldToGrammar(weights, gbnf)
    try:
        for _ in range(TRIAL_TOKENS):
            row.take(liking + rng.random(weights.n_vocab, np.float32))
            token = held.choose(row, greedy)
            held.accept(token)
            if weights.is_end(token):
                return
    finally:
        held.close()
        native.api().llama_sampler_free(greedy)
