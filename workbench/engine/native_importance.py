"""What flows into a model's matrices while llama.cpp evaluates it: its graph's callback, read with NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.engine import native
from workbench.engine.native_params import context_params
from workbench.models.ggml_types import NUMBERS
from workbench.models.params import RunParams
from workbench.words import said

BATCH_TOKENS = 128  # logits are kept of every token, or llama.cpp would leave most out of the last layer

_OBJECT_BYTES = 32  # ggml.h: sizeof(struct ggml_object)
_F32, _I32 = NUMBERS["f32"], NUMBERS["i32"]


class _Tensor(ctypes.Structure):
    """ggml.h: struct ggml_tensor of the pinned engine."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    )


class Inputs:
    """Sums of squares of each input channel of each layer's matrices, and how many tokens they are of."""

    def __init__(self) -> None:
        """Raises NativeError where this build's tensors are not laid out as the pinned engine's are."""
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.counts: dict[str, NDArray[np.int64]] = {}
        library = native.ggml()
        library.ggml_tensor_overhead.restype = ctypes.c_size_t
        if library.ggml_tensor_overhead() != ctypes.sizeof(_Tensor) + _OBJECT_BYTES:
            raise native.NativeError(said("this build of llama.cpp lays its tensors out in another way"))
        library.ggml_op_name.restype = ctypes.c_char_p
        names = {library.ggml_op_name(number): number for number in range(32)}
        self._plain, self._by_expert = names[b"MUL_MAT"], names[b"MUL_MAT_ID"]
        self._get = library.ggml_backend_tensor_get
        self._get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        self._get.restype = None
        library.ggml_nbytes.argtypes, library.ggml_nbytes.restype = [ctypes.c_void_p], ctypes.c_size_t
        self._size = library.ggml_nbytes

    def wants(self, tensor: _Tensor) -> bool:
        if tensor.op not in (self._plain, self._by_expert):
            return False
        return _matrix(tensor).startswith("blk.") and _Tensor.from_address(tensor.src[1]).type == _F32

    def take(self, tensor: _Tensor) -> None:
        """Add what was just multiplied.  Raises NativeError for shapes no model of the pinned engine has."""
        name = _matrix(tensor)
        weights, values = _Tensor.from_address(tensor.src[0]), self._values(tensor.src[1], np.float32)
        squares = np.square(values, dtype=np.float64)  # [outer, experts or batch, rows, channels]
        if tensor.op == self._plain:
            count = weights.ne[2] * weights.ne[3]
            rows = squares.sum(axis=2)  # rows of one matrix; several where the model has it in three dimensions
            if rows.shape[0] * rows.shape[1] % count:
                raise native.NativeError(said("{name} is multiplied in a way that is not understood", name=name))
            sums = rows.reshape(-1, count, rows.shape[-1]).sum(axis=0)
            self._add(name, sums, np.array([squares[..., 0].size // count]))
            return
        experts = self._values(tensor.src[2], np.int32)[0, 0]  # [tokens, used]
        sums = np.zeros((weights.ne[2], squares.shape[-1]))
        rows = np.broadcast_to(squares[0], (*experts.shape, squares.shape[-1]))
        np.add.at(sums, experts.reshape(-1), rows.reshape(-1, squares.shape[-1]))
        self._add(name, sums, np.bincount(experts.reshape(-1), minlength=weights.ne[2]))

    def _add(self, name: str, sums: NDArray[np.float64], counts: NDArray[Any]) -> None:
        if name not in self.sums:
            self.sums[name], self.counts[name] = sums, counts.astype(np.int64)
        else:
            self.sums[name] += sums
            self.counts[name] += counts

    def _values(self, address: int, kind: type[np.float32] | type[np.int32]) -> NDArray[Any]:
        """A copy of a tensor's values, with the outermost dimension first; it may be a view with gaps."""
        tensor, size = _Tensor.from_address(address), self._size(address)
        room = np.empty(size, np.uint8)
        self._get(address, room.ctypes.data, 0, size)
        shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
        return np.ndarray(shape, kind, room, 0, strides)


def _matrix(tensor: _Tensor) -> str:
    """The weights' name; with several devices ggml writes "DEVICE#name#number"."""
    name: bytes = _Tensor.from_address(tensor.src[0]).name
    return name.decode(errors="replace").split("#")[1 if name.count(b"#") else 0]


class Watched:
    """A context whose graph is looked into.  All calls on one thread; whoever makes it closes it."""

    def __init__(self, weights: native.Weights, n_ctx: int, inputs: Inputs, *, n_threads: int) -> None:
        """Raises LoadFailed when there is no room for it."""
        library = native.api()
        self._failure: Exception | None = None
        self._taken = 0  # of the current batch
        self._wanted: int | None = None  # of each batch, known after the first

        def on_node(address: int, asked: bool, _: object) -> bool:
            try:
                tensor = _Tensor.from_address(address)
                if asked:
                    return inputs.wants(tensor)
                inputs.take(tensor)
                self._taken += 1
            except Exception as error:  # noqa: BLE001 - llama.cpp is in between: raised again by ``evaluate``
                self._failure = self._failure or error
                return False
            # What follows the last wanted matrix is the output layer, often the dearest of all: left out.
            return self._taken != self._wanted

        params = RunParams(n_ctx=n_ctx, n_batch=BATCH_TOKENS, n_ubatch=BATCH_TOKENS, n_outputs_max=0)
        made = context_params(library, params, n_threads)
        self._callback = made.cb_eval = library.ggml_backend_sched_eval_callback(on_node)
        with native.native_log.collected() as lines:
            self._context: Any = library.llama_init_from_model(weights.model, made)
        if not self._context:
            raise native.LoadFailed(said("no context could be made"), lines)
        self._batch = library.llama_batch_init(BATCH_TOKENS, 0, 1)

    def evaluate(self, tokens: Sequence[int]) -> None:
        """A text from its beginning.  Raises NativeError."""
        library, batch = native.api(), self._batch
        library.llama_memory_clear(library.llama_get_memory(self._context), True)
        for start in range(0, len(tokens), BATCH_TOKENS):
            part = tokens[start : start + BATCH_TOKENS]
            batch.n_tokens = len(part)
            for index, token in enumerate(part):
                batch.token[index], batch.pos[index] = token, start + index
                batch.n_seq_id[index], batch.logits[index] = 1, 1
                batch.seq_id[index][0] = native.SEQUENCE
            self._taken = 0
            status = library.llama_decode(self._context, batch)
            if self._failure is not None:
                raise self._failure
            if status:
                raise native.NativeError(
                    said("llama_decode returned {status}", status=status), native.native_log.recent(5)
                )
            self._wanted = self._taken

    def close(self) -> None:
        if self._context:
            native.api().llama_batch_free(self._batch)
            native.api().llama_free(self._context)
            self._context = None
