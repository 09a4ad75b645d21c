"""A stage set: headers in the likeness of well-known models on sparse files, and a script that answers for them.

Nothing here was measured: shapes are roughly theirs, and answers, speeds and times are made up.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.engine.base import (
    AnswerEvent,
    Completion,
    Engine,
    LoadEvent,
    LoadRequest,
    Message,
    Prefilling,
    Request,
)
from workbench.engine.fake import FakeBackend
from workbench.hardware.facts import Cpu, EngineBuild, Hardware, Memory
from workbench.jobs import CancelToken
from workbench.models.file import Family
from workbench.models.fit import Share, fit

_GIB = 1 << 30
_Q4_K, _Q6_K, _F32 = 12, 14, 0
_BYTES_PER_ELEMENT = {_Q4_K: 144 / 256, _Q6_K: 210 / 256, _F32: 4}
_ALIGNMENT = 32

LAPTOP = Hardware(
    label="laptop",
    system="Debian GNU/Linux 12",
    cpu=Cpu("AMD Ryzen 7 7840U", "x86_64", physical_cores=8, logical_cores=16, usable_cores=8),
    memory=Memory(total_bytes=16 * _GIB, available_bytes=int(11.4 * _GIB)),
    devices=(),
    disk_free_bytes=212_000_000_000,
    build=EngineBuild("0.3.36", ("CPU",), ("AVX", "AVX2", "AVX512", "FMA", "F16C")),
)


@dataclass(frozen=True, slots=True)
class Role:
    """A shape in the likeness of a model's, and what the script has it say, at which speed."""

    file_name: str
    title: str
    architecture: str
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    context: int
    speed: float
    says: str
    family: Family = Family.OTHER


REFUND = """Returns are accepted within **30 days** of delivery.

1. Open your order and choose *Return an item*.
2. Print the label and drop the parcel off.
3. The refund arrives within **5 working days**.

> Sale items can be exchanged, not refunded.
"""
KIND = """Of course! Here is a short policy in a friendly tone:

**We want you to be happy.** If something is not right, send it back within 30 days, and we will \
refund you in full. No questions asked.

| Item | Days | Refund |
|:--|--:|:--|
| Full price | 30 | in full |
| Sale | 14 | as a voucher |
| Opened software | 0 | none |

Is there anything you would like me to make more formal?
"""
CODE = """A policy is easiest to keep when it can be tested:

```python
def refundable(days: int, on_sale: bool) -> bool:
    \"\"\"Whether an item may be sent back.\"\"\"
    limit = 14 if on_sale else 30
    return days <= limit
```

- Full price: **30 days**, refunded in full
- On sale: **14 days**, as a voucher
"""

ROLES = (
    Role("Llama-3.2-3B-Instruct-Q4_K_M.gguf", "Llama 3.2 3B Instruct", "llama", 28, 3072, 8192, 24, 8, 128,
         128_256, 131_072, 46, REFUND),
    Role("Ministral-3-3B-Instruct-Q4_K_M.gguf", "Ministral 3 3B Instruct", "llama", 26, 3072, 9216, 32, 8, 128,
         131_072, 262_144, 52, KIND),
    Role("gemma-3-4b-it-Q4_K_M.gguf", "Gemma 3 4B Instruct", "gemma3", 34, 2560, 10_240, 8, 4, 256,
         262_144, 131_072, 40, CODE),
    Role("Llama-3.3-70B-Instruct-Q4_K_M.gguf", "Llama 3.3 70B Instruct", "llama", 80, 8192, 28_672, 64, 8, 128,
         128_256, 131_072, 5, REFUND),
)  # fmt: skip


def write_all(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(role, folder / role.file_name) for role in ROLES]


class Cast:
    """A backend in which every model says its own lines, and takes the memory that was estimated for it."""

    name = "llama.cpp"
    version = "0.3.36"

    def __init__(self) -> None:
        self._players = {
            Path(role.file_name).stem: FakeBackend(_script(role.says), tokens_per_s=role.speed) for role in ROLES
        }
        self._taken: dict[Engine, int] = {}

    def machine(self) -> Hardware:
        """The laptop, with as much less memory free as the loaded models take."""
        free = LAPTOP.memory.available_bytes - sum(self._taken.values())
        return replace(LAPTOP, memory=replace(LAPTOP.memory, available_bytes=free))

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        engine = yield from self._players[request.model.name].open(request, cancel)
        share = fit(request.model, LAPTOP, n_ctx=request.params.n_ctx).shares[0]
        player = Player(engine, self._taken, share)
        self._taken[player] = share.weights_bytes + share.kv_bytes + share.compute_bytes
        return player

    def close(self) -> None:
        return None


class Player:
    """The scripted engine, with facts and first moments like those of a real one."""

    def __init__(self, engine: Engine, taken: dict[Engine, int], share: Share) -> None:
        self._engine, self._taken = engine, taken
        self.facts = replace(
            engine.facts,
            engine=Cast.name,
            engine_version=Cast.version,
            load_ms=1840.0,
            weights_bytes=share.weights_bytes,
            kv_bytes=share.kv_bytes,
            compute_bytes=share.compute_bytes,
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return self._engine.count_tokens(messages)

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        total = self.count_tokens(request.messages)
        for done in range(0, total, max(1, total // 8)):
            yield Prefilling(done, total)
            cancel.wait(0.05)
        completion = yield from self._engine.stream(request, cancel)
        timings = replace(completion.timings, ttft_ms=412.0, prefill_ms=395.0)
        return replace(completion, timings=timings)

    def close(self) -> None:
        self._taken.pop(self, None)
        self._engine.close()


def _script(says: str):  # type: ignore[no-untyped-def]
    def script(_: Request) -> Iterator[str]:
        for line in says.splitlines(keepends=True):
            indent = len(line) - len(line.lstrip(" "))
            yield line[:indent]
            yield from (word + " " for word in line[indent:].rstrip("\n").split(" ")[:-1])
            yield line[indent:].rstrip("\n").split(" ")[-1] + ("\n" if line.endswith("\n") else "")

    return script


# --- a GGUF that is all header ---------------------------------------------------------------


def _write(role: Role, path: Path) -> Path:
    entries = _metadata(role)
    tensors = list(_tensors(role))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries)
    offset = 0
    for name, shape, kind in tensors:
        head += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, offset)
        elements = 1
        for extent in shape:
            elements *= extent
        offset += -(-int(elements * _BYTES_PER_ELEMENT[kind]) // _ALIGNMENT) * _ALIGNMENT
    with path.open("wb") as file:
        file.write(head)
        file.truncate(-(-len(head) // _ALIGNMENT) * _ALIGNMENT + offset)  # sparse: it takes no room on the disk
    return path


def _metadata(role: Role) -> list[bytes]:
    numbers = {
        "general.file_type": 15,
        f"{role.architecture}.block_count": role.layers,
        f"{role.architecture}.context_length": role.context,
        f"{role.architecture}.embedding_length": role.width,
        f"{role.architecture}.feed_forward_length": role.feed_forward,
        f"{role.architecture}.attention.head_count": role.heads,
        f"{role.architecture}.attention.head_count_kv": role.kv_heads,
        f"{role.architecture}.attention.key_length": role.head_width,
        f"{role.architecture}.attention.value_length": role.head_width,
        f"{role.architecture}.vocab_size": role.vocabulary,
    }
    if role.architecture == "gemma3":
        numbers["gemma3.attention.sliding_window"] = 1024
    texts = {"general.architecture": role.architecture, "general.name": role.title, "tokenizer.ggml.model": "gpt2"}
    return [
        *(_text(key) + struct.pack("<I", 8) + _text(value) for key, value in texts.items()),
        *(_text(key) + struct.pack("<II", 4, value) for key, value in numbers.items()),
    ]


def _tensors(role: Role) -> Iterator[tuple[str, tuple[int, ...], int]]:
    queries, keys = role.heads * role.head_width, role.kv_heads * role.head_width
    yield "token_embd.weight", (role.width, role.vocabulary), _Q6_K
    yield "output_norm.weight", (role.width,), _F32
    for layer in range(role.layers):
        prefix = f"blk.{layer}"
        yield f"{prefix}.attn_norm.weight", (role.width,), _F32
        yield f"{prefix}.attn_q.weight", (role.width, queries), _Q4_K
        yield f"{prefix}.attn_k.weight", (role.width, keys), _Q4_K
        yield f"{prefix}.attn_v.weight", (role.width, keys), _Q6_K
        yield f"{prefix}.attn_output.weight", (queries, role.width), _Q4_K
        yield f"{prefix}.ffn_norm.weight", (role.width,), _F32
        yield f"{prefix}.ffn_gate.weight", (role.width, role.feed_forward), _Q4_K
        yield f"{prefix}.ffn_up.weight", (role.width, role.feed_forward), _Q4_K
        yield f"{prefix}.ffn_down.weight", (role.feed_forward, role.width), _Q6_K


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
