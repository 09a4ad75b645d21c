"""llama.cpp's low-level API behind thin typed wrappers: the only file that imports llama_cpp."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.engine import long_runs
from workbench.engine.native_log import NativeLog
from workbench.engine.native_params import Placement, context_params, model_params
from workbench.models.params import RunParams
from workbench.words import said

SEQUENCE = 0  # every context holds one conversation
NO_TOKEN = -1

_CONTROL_OR_UNKNOWN = (1 << 0) | (1 << 3)  # llama.h: LLAMA_TOKEN_ATTR_UNKNOWN, LLAMA_TOKEN_ATTR_CONTROL

native_log = NativeLog()

_library: Any = None
_log_callback: Any = None  # llama.cpp keeps the pointer: the object must live as long as the process
_library_lock = threading.Lock()  # guards the first import and the backend's start


class NativeError(Exception):
    """llama.cpp refused; ``lines`` are what it logged meanwhile."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


class LoadFailed(NativeError):  # noqa: N818 - named for what happened; translated before a user sees it
    """A model file could not be loaded."""


class LoadStopped(NativeError):  # noqa: N818 - not an error: the progress callback asked for it
    """The progress callback said no."""


class Aborted(NativeError):  # noqa: N818 - not an error: the abort callback asked for it
    """A prefill was given up half-way; the memory of the context is in an unknown state."""


def api() -> Any:
    """The ctypes module, with logging routed and the backend started once per process."""
    global _library, _log_callback  # noqa: PLW0603 - one native library per process
    if _library is not None:
        return _library
    with _library_lock:
        if _library is None:
            # Without it a failed assertion starts a debugger and waits for it.
            os.environ["GGML_NO_BACKTRACE"] = "1"
            from llama_cpp import llama_cpp as library

            _log_callback = library.llama_log_callback(lambda level, text, _: native_log.take(level, text))
            library.llama_log_set(_log_callback, None)
            library.llama_backend_init()
            _library = library
    return _library


def ggml() -> Any:
    """ggml's functions, seen through libllama: importing ``llama_cpp._ggml`` can map a second copy of ggml."""
    return api()._lib  # noqa: SLF001 - the binding declares no functions for them


def build_identity() -> str:
    """Changes whenever another build of the engine is installed; costs no import of it."""
    found = importlib.util.find_spec("llama_cpp")
    folders = [Path(folder) / "lib" for folder in (found.submodule_search_locations or ())] if found else []
    files = sorted(file for folder in folders for file in folder.glob("*") if file.is_file())
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((package_version(), facts)).encode()).hexdigest()


def package_version() -> str:
    """The binding's version, which names the engine without loading it."""
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def version() -> str:
    """llama.cpp's own version and the commit it was built from."""
    library = api()
    commit = ggml().ggml_commit
    commit.restype = ctypes.c_char_p
    return f"{library.llama_version().decode()} ({commit().decode()})"


class Weights:
    """One loaded model: its weights (unless ``vocab_only``) and its vocabulary.  Any thread may use it."""

    def __init__(
        self,
        path: Path,
        *,
        n_gpu_layers: int,
        n_cpu_moe: int = 0,
        vocab_only: bool = False,
        no_alloc: bool = False,
        progress: Callable[[float], bool] | None = None,
    ) -> None:
        """``path`` is the file's, or a split model's first part's; llama.cpp finds the others beside it.

        ``no_alloc`` opens the model without reading or allocating its weights, to ask what it would take;
        in a child process only, for llama.cpp asserts more than it checks there.  ``progress`` is called with
        0 to 1 and stops the load by returning False; it must not raise.

        Raises LoadFailed, and LoadStopped when ``progress`` stopped it.
        """
        library = api()
        # The model keeps pointers into what it was made from.
        self.placement = Placement(n_gpu_layers, n_cpu_moe)
        params, self._kept = model_params(library, ggml(), self.placement, vocab_only=vocab_only, no_alloc=no_alloc)
        self.path = path
        self.no_alloc = no_alloc
        self.planning = threading.Lock()  # guards llama.cpp's list of adapters: planning a graph walks it
        stopped = False

        def on_progress(fraction: float, _: object) -> bool:
            nonlocal stopped
            stopped = progress is not None and not progress(fraction)
            return not stopped

        callback = library.llama_progress_callback(on_progress)
        params.progress_callback = callback
        with native_log.collected() as lines:
            self._model: Any = library.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise (LoadStopped if stopped else LoadFailed)(said("{file} was not loaded", file=path.name), lines)
        self.lines = tuple(lines)
        self.size_bytes: int = library.llama_model_size(self._model)
        self._vocab: Any = library.llama_model_get_vocab(self._model)
        self.n_vocab: int = library.llama_vocab_n_tokens(self._vocab)
        self.n_swa: int = library.llama_model_n_swa(self._model)
        self.n_head: int = 0 if vocab_only else library.llama_model_n_head(self._model)  # asserts without weights
        self.on_devices: bool = n_gpu_layers != 0 and library.llama_supports_gpu_offload()
        kind = library.llama_vocab_type(self._vocab)
        self.has_vocab = bool(kind)
        self._splits_by_regex = kind == library.LLAMA_VOCAB_TYPE_BPE
        self.bos: int = library.llama_vocab_bos(self._vocab)
        self.eos: int = library.llama_vocab_eos(self._vocab)
        self.adds_bos: bool = library.llama_vocab_get_add_bos(self._vocab)
        # A model that only encodes (embeddings) or encodes first (T5) does not chat.
        self.decodes = library.llama_model_has_decoder(self._model) and not library.llama_model_has_encoder(self._model)

    @property
    def model(self) -> Any:
        return self._model

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids without BOS; ``special`` lets the text name control tokens."""
        if not self._splits_by_regex:
            return self._tokenized(text, special=special)
        return [token for piece in long_runs.pieces(text) for token in self._tokenized(piece, special=special)]

    def _tokenized(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode("utf-8", errors="replace")
        tokenize = api().llama_tokenize
        room = len(raw) + 8
        while True:
            ids = (ctypes.c_int32 * room)()
            count: int = tokenize(self._vocab, raw, len(raw), ids, room, False, special)
            if count >= 0:
                return ids[:count]
            room = -count

    def text_of(self, token: int) -> str:
        """How the vocabulary writes a token, control tokens too; empty for none."""
        if token == NO_TOKEN:
            return ""
        text: bytes | None = api().llama_vocab_get_text(self._vocab, token)
        return text.decode("utf-8", errors="replace") if text else ""

    def piece(self, token: int) -> bytes:
        """The visible bytes of a token, maybe part of a character; empty for control tokens."""
        piece = api().llama_token_to_piece
        buffer = ctypes.create_string_buffer(64)
        length: int = piece(self._vocab, token, buffer, 64, 0, False)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = piece(self._vocab, token, buffer, -length, 0, False)
        return buffer.raw[:length]

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer (end of turn, of text, of message)."""
        return bool(api().llama_vocab_is_eog(self._vocab, token))

    def is_control(self, token: int) -> bool:
        """Whether only a template may write the token, never a user."""
        return bool(api().llama_vocab_get_attr(self._vocab, token) & _CONTROL_OR_UNKNOWN)

    def close(self) -> None:
        if self._model:
            api().llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> Weights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Context:
    """The memory of one conversation.  All calls on the thread that made it."""

    def __init__(self, weights: Weights, params: RunParams, *, n_threads: int = 1) -> None:
        """Raises LoadFailed when there is no room for it."""
        library = api()
        with native_log.collected() as lines, weights.planning:
            self._context: Any = library.llama_init_from_model(
                weights.model, context_params(library, params, n_threads)
            )
        if not self._context:
            raise LoadFailed(said("no context could be made"), lines)
        self.lines = tuple(lines)
        self.n_ctx: int = library.llama_n_ctx(self._context)
        self.n_ubatch: int = library.llama_n_ubatch(self._context)
        self._n_vocab = weights.n_vocab
        self._memory: Any = library.llama_get_memory(self._context)
        # Arrays of our own, made once and written in place; the batch only points at them.
        self._tokens = (ctypes.c_int32 * self.n_ubatch)()
        self._positions = (ctypes.c_int32 * self.n_ubatch)()
        self._outputs = (ctypes.c_int8 * self.n_ubatch)()
        self._batch, self._kept = _make_batch(library, self._tokens, self._positions, self._outputs)
        self._decode = library.llama_decode
        self._no_abort = library.ggml_abort_callback()

    @property
    def pointer(self) -> Any:
        return self._context

    def set_threads(self, n_threads: int) -> None:
        api().llama_set_n_threads(self._context, n_threads, n_threads)

    def prefill(self, tokens: Sequence[int], position: int, stop: Callable[[], bool], *, output: bool) -> None:
        """Evaluate up to ``n_ubatch`` tokens; with ``output`` the last one's logits are kept.

        ``stop`` is asked about 600 times a batch on the CPU and must not raise.  Raises Aborted, NativeError.
        """
        batch, count = self._batch, len(tokens)
        batch.n_tokens = count
        self._tokens[:count] = tokens
        self._positions[:count] = range(position, position + count)
        self._outputs[:count] = [0] * count
        self._outputs[count - 1] = output
        try:
            self._decode_stoppably(batch, stop)
        finally:
            batch.n_tokens = 1  # ready for ``step``
            self._outputs[0] = 1

    def _decode_stoppably(self, batch: Any, stop: Callable[[], bool]) -> None:
        """``stop`` is asked for every few nodes of the graph.  Raises Aborted, NativeError."""
        library = api()
        interrupted = False

        def asks_to_stop(_: object) -> bool:
            nonlocal interrupted
            try:
                return stop()
            except KeyboardInterrupt:  # Ctrl-C arrives wherever Python runs, and ctypes would swallow it
                interrupted = True
                return True

        callback = library.ggml_abort_callback(asks_to_stop)
        library.llama_set_abort_callback(self._context, callback, None)
        try:
            status = self._decode(self._context, batch)
        finally:
            library.llama_set_abort_callback(self._context, self._no_abort, None)
        if interrupted:
            raise KeyboardInterrupt
        if status:
            raise failure(status)

    def step(self, token: int, position: int) -> None:
        """Evaluate one sampled token; ``prefill`` came before.  Raises NativeError."""
        self._tokens[0] = token
        self._positions[0] = position
        status = self._decode(self._context, self._batch)
        if status:
            raise failure(status)

    def row(self, index: int = -1) -> npt.NDArray[np.float32]:
        """The logits of a row of the last batch that asked for them, the last one unless said.

        A view, good until the next evaluation.
        """
        return np.ctypeslib.as_array(api().llama_get_logits_ith(self._context, index), (self._n_vocab,))

    def keep(self, count: int) -> bool:
        """Forget all but the first ``count`` tokens; False when the memory cannot (then ``clear``)."""
        return bool(api().llama_memory_seq_rm(self._memory, SEQUENCE, count, -1))

    def first_position(self) -> int:
        """The oldest position every layer still holds: above 0 where a sliding window has moved on."""
        position: int = api().llama_memory_seq_pos_min(self._memory, SEQUENCE)
        return position

    def clear(self) -> None:
        api().llama_memory_clear(self._memory, True)

    def close(self) -> None:
        if self._context:
            api().llama_free(self._context)
            self._context = None


def failure(status: int) -> NativeError:
    if status == 2:
        return Aborted(said("the evaluation was stopped"))
    return NativeError(said("llama_decode returned {status}", status=status), native_log.recent(5))


def _make_batch(library: Any, tokens: Any, positions: Any, outputs: Any) -> tuple[Any, tuple[Any, ...]]:
    """A batch that points at the given arrays, and what must live as long as it does."""
    ints, room = ctypes.POINTER(ctypes.c_int32), len(tokens)
    counts, sequence = (ctypes.c_int32 * room)(*([1] * room)), (ctypes.c_int32 * 1)(SEQUENCE)
    sequences = (ints * room)(*([ctypes.cast(sequence, ints)] * room))
    batch = library.llama_batch()
    batch.token = ctypes.cast(tokens, ints)
    batch.pos = ctypes.cast(positions, ints)
    batch.n_seq_id = ctypes.cast(counts, ints)
    batch.seq_id = ctypes.cast(sequences, ctypes.POINTER(ints))
    batch.logits = ctypes.cast(outputs, ctypes.POINTER(ctypes.c_int8))
    return batch, (counts, sequence, sequences)
