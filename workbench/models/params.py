"""The parameters of a load: one value that drives the estimate, the probe and the real context."""

from __future__ import annotations

from dataclasses import asdict, dataclass

ALL_LAYERS = -1


@dataclass(frozen=True, slots=True)
class RunParams:
    """llama.cpp's own names and meanings; every value is set explicitly, none left to a default.

    ``n_gpu_layers`` is -1 for all, 0 keeps every GPU out of it.  ``n_cpu_moe`` is the number of layers, from
    the first, whose expert weights stay in main memory though the rest of the layer is on a GPU.
    ``flash_attn`` is "auto", "on" or "off"; ``type_k`` and ``type_v`` are ggml type names ("f16", "q8_0").
    ``n_outputs_max`` is 1: chat needs the logits of one token, and the buffer grows with outputs × vocabulary;
    0 means one for each token of a batch.  ``swa_full`` False keeps a window cache for sliding-window layers.
    ``kv_unified`` True lets all sequences share one cache of ``n_ctx`` cells.
    """

    n_ctx: int = 4096
    n_batch: int = 512
    n_ubatch: int = 512
    n_seq_max: int = 1
    n_outputs_max: int = 1
    n_gpu_layers: int = ALL_LAYERS
    n_cpu_moe: int = 0
    flash_attn: str = "auto"
    type_k: str = "f16"
    type_v: str = "f16"
    swa_full: bool = False
    kv_unified: bool = False

    def as_json(self) -> dict[str, object]:
        return asdict(self)
