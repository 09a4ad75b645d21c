"""llama.cpp's grammar on a vocabulary, and rows of candidates that samplers work on."""

from __future__ import annotations

import codecs
import ctypes
import math
import re
import time
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.engine.grammar import ROOT
from workbench.engine.native import Context, Weights, api, native_log
from workbench.errors import GenerationError, GrammarError
from workbench.words import said

# A grammar whose texts can be read in very many ways takes llama.cpp ever longer for each token.
SLOWEST_TOKEN_S = 10.0

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama.h: llama_token_data
_NAMED_TOKEN = re.compile(r"<\[(\d+)\]>")

_unwritable: weakref.WeakKeyDictionary[Weights, npt.NDArray[np.int32]] = weakref.WeakKeyDictionary()


class Row:
    """One row of logits with their tokens, which samplers sort, cut and choose from."""

    def __init__(self, n_vocab: int) -> None:
        self._tokens = np.arange(n_vocab, dtype=np.int32)
        self._logits = np.empty(n_vocab, np.float32)
        self._candidates = np.empty(n_vocab, _CANDIDATE)
        library = api()
        self._array = library.llama_token_data_array()
        self._pointer = ctypes.byref(self._array)
        self._data = ctypes.cast(self._candidates.ctypes.data, library.llama_token_data_p)
        self._single = library.llama_token_data()
        self._apply = library.llama_sampler_apply

    def read(self, context: Context, row: int) -> None:
        """The logits of a row of the context's last batch."""
        source = api().llama_get_logits_ith(context.pointer, row)
        self._logits[:] = np.ctypeslib.as_array(source, self._logits.shape)

    def take(self, logits: npt.NDArray[np.float32]) -> None:
        self._logits[:] = logits

    def restore(self, token: int) -> None:
        """A candidate that a sampler has ruled out; only before they are sorted or cut."""
        self._candidates["logit"][token] = self._logits[token]

    def forbid(self, tokens: npt.NDArray[np.int32] | int) -> None:
        self._logits[tokens] = -np.inf

    def reset(self) -> None:
        """All tokens again, with the logits that were read."""
        self._candidates["id"], self._candidates["logit"], self._candidates["p"] = self._tokens, self._logits, 0
        self._array.data, self._array.size = self._data, len(self._tokens)
        self._array.selected, self._array.sorted = -1, False

    def apply(self, sampler: Any) -> None:
        self._apply(sampler, self._pointer)

    @property
    def best(self) -> float:
        """The highest logit of a candidate: -inf where none is left, NaN where any is NaN."""
        return float(self._candidates["logit"].max())

    @property
    def selected(self) -> int:
        """The token a chain has chosen."""
        token: int = self._array.data[self._array.selected].id
        return token

    def survives(self, sampler: Any, token: int) -> bool:
        """Whether the sampler would leave this token a candidate."""
        self._single.id, self._single.logit, self._single.p = token, 1.0, 0.0
        self._array.data, self._array.size = ctypes.pointer(self._single), 1
        self._array.selected, self._array.sorted = -1, False
        self._apply(sampler, self._pointer)
        return bool(self._single.logit != -np.inf)


class HeldToGrammar:
    """A grammar as far as an answer has come: which tokens may follow, one at a time.

    Beside what llama.cpp's own grammar says, an answer is whole UTF-8 and holds no control token that the grammar
    does not name: such tokens have a text that fits, which nobody would see.
    """

    def __init__(self, weights: Weights, gbnf: str) -> None:
        """Raises GrammarError when llama.cpp refuses ``gbnf``, which ``grammar.check`` has found sound."""
        self._weights = weights
        self._forbidden = _control_tokens(weights)
        if named := [int(token) for token in _NAMED_TOKEN.findall(gbnf)]:
            self._forbidden = np.setdiff1d(self._forbidden, np.array(named, np.int32))
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        with native_log.collected() as lines:
            self._grammar: Any = api().llama_sampler_init_grammar(
                api().llama_model_get_vocab(weights.model), gbnf.encode(), ROOT.encode()
            )
        if not self._grammar:
            raise GrammarError(
                said("llama.cpp refuses the grammar: {lines}.", lines=" ".join(lines) or said("it does not say why")),
                hint=said("A token that it names may be missing from this model's vocabulary."),
            )

    @property
    def name(self) -> str:
        """llama.cpp's own."""
        return str(api().llama_sampler_name(self._grammar).decode())

    def choose(self, row: Row, chain: Any, also: int | None = None) -> int:
        """The token the chain draws among those that fit, and ``also``; it is not accepted yet.

        Raises GenerationError.

        The first draw is among all: most often it fits, and looking at one token is a thousand times quicker
        than looking at all.  llama.cpp's own programs do the same.
        """
        row.forbid(self._forbidden if also is None else np.setdiff1d(self._forbidden, [also]))
        row.reset()
        if not math.isfinite(row.best):
            raise _no_token() if row.best == -math.inf else _no_number()
        while True:
            row.apply(chain)
            token = row.selected
            if token == also or (self._is_whole(token) and self._fits(row, token)):
                return token
            row.forbid(token)
            row.reset()
            self._timed(row)
            if also is not None:
                row.restore(also)
            if row.best == -math.inf:  # samplers would choose one all the same
                raise _no_token()

    def allows(self, row: Row, token: int) -> bool:
        """Whether the answer may go on with this token."""
        return token not in self._forbidden and self._is_whole(token) and self._fits(row, token)

    def accept(self, token: int) -> None:
        """``token`` was chosen; one that does not fit would end the process, so only ``choose`` names it."""
        if not self._weights.is_end(token):
            self._utf8.decode(self._weights.piece(token))
        api().llama_sampler_accept(self._grammar, token)

    def close(self) -> None:
        if self._grammar:
            api().llama_sampler_free(self._grammar)
            self._grammar = None

    def _fits(self, row: Row, token: int) -> bool:
        return row.survives(self._grammar, token)

    def _timed(self, row: Row) -> None:
        began = time.monotonic()
        row.apply(self._grammar)
        if time.monotonic() - began > SLOWEST_TOKEN_S:
            raise GenerationError(
                said(
                    "The grammar needs more than {slowest_token_s:g} seconds for one token.",
                    slowest_token_s=SLOWEST_TOKEN_S,
                ),
                hint=said("It can be read in too many ways: let its alternatives begin differently."),
            )

    def _is_whole(self, token: int) -> bool:
        """Whether the bytes so far and this token's are, or may become, UTF-8."""
        pending, _ = self._utf8.getstate()
        if self._weights.is_end(token):
            return not pending
        try:
            codecs.getincrementaldecoder("utf-8")().decode(pending + self._weights.piece(token))
        except UnicodeDecodeError:
            return False
        return True


def _control_tokens(weights: Weights) -> npt.NDArray[np.int32]:
    if weights not in _unwritable:
        tokens = [token for token in range(weights.n_vocab) if weights.is_control(token) and not weights.is_end(token)]
        _unwritable[weights] = np.array(tokens, np.int32)
    return _unwritable[weights]


def _no_token() -> GenerationError:
    return GenerationError(
        said("No token of this model's vocabulary can follow: the grammar asks for what it cannot write."),
        hint=said("Check the grammar's characters and tokens, or choose another model."),
    )


def _no_number() -> GenerationError:
    return GenerationError(
        said("The model computed values that are not numbers."),
        hint=said("Verify the file's checksum, or try another quantisation of the model."),
    )
