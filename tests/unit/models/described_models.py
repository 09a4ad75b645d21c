"""Models and machines described for tests: sizes known to the byte, no files behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.hardware.facts import Hardware, Memory
from workbench.models.file import Family, ModelFile
from workbench.models.header import Array, Header, Tensor, Value

GIB = 1 << 30
LAYERS = 32
PARAMETERS = 8_030_261_248

# Of Llama 3 8B in GiB, as published with the losses.
SIZES_GIB = {
    "F16": 14.97,
    "Q8_0": 7.96,
    "Q6_K": 6.14,
    "Q5_K_M": 5.33,
    "Q4_K_M": 4.58,
    "IQ4_XS": 4.14,
    "Q3_K_M": 3.74,
    "Q2_K": 2.96,
    "IQ1_S": 1.88,
}


def model(
    size_gib: float = 4.0,
    *,
    name: str = "m",
    title: str | None = None,
    quantisation: str = "Q4_K_M",
    tied: bool = False,
    n_ctx_train: int = 131_072,
    layers: int = LAYERS,
    experts: int = 0,
    used: int = 0,
    architecture: str = "llama",
    parameters: int = PARAMETERS,
    metadata: dict[str, Value] | None = None,
) -> ModelFile:
    """Shaped like Llama 3.1 8B: 32 layers, 128 KiB of cache a token.  Experts take nine tenths of each layer."""
    known: dict[str, Value] = {
        "general.architecture": architecture,
        f"{architecture}.block_count": layers,
        f"{architecture}.embedding_length": 4096,
        f"{architecture}.feed_forward_length": 14_336,
        f"{architecture}.attention.head_count": 32,
        f"{architecture}.attention.head_count_kv": 8,
        f"{architecture}.context_length": n_ctx_train,
        "tokenizer.ggml.tokens": Array(8, 128_256),
        "tokenizer.ggml.merges": Array(8, 280_000),
    }
    if experts:
        known |= {f"{architecture}.expert_count": experts, f"{architecture}.expert_used_count": used}
        known |= {f"{architecture}.expert_feed_forward_length": 1024}
    ends = min(256 << 20, int(size_gib * GIB / 10))
    sizes = {"token_embd.weight": ends} | ({} if tied else {"output.weight": ends})
    each = int((size_gib * GIB - sum(sizes.values())) / layers)
    for layer in range(layers):
        if experts:
            sizes[f"blk.{layer}.ffn_up_exps.weight"] = each * 9 // 10
            sizes[f"blk.{layer}.attn_q.weight"] = each - each * 9 // 10
        else:
            sizes[f"blk.{layer}.ffn_up.weight"] = each
    tensors = tuple(Tensor(tensor, (size,), 24, 0, size) for tensor, size in sizes.items())
    header = Header(
        3, known | (metadata or {}), tensors, 32, 0, int(size_gib * GIB), f"{name}-{quantisation}-{size_gib}"
    )
    return ModelFile(
        path=Path(f"/{name}.gguf"),
        name=name,
        title=title or name,
        family=Family.LLAMA,
        architecture=architecture,
        quantisation=quantisation,
        size_bytes=int(size_gib * GIB),
        parameter_count=parameters,
        n_ctx_train=n_ctx_train,
        synthetic=False,
        licence=None,
        chat_template=None,
        header=header,
    )


def quantisations(*names: str, scale: float = 1.0, title: str = "Llama 3 8B") -> list[ModelFile]:
    """One model in these quantisations (all that are known by default), ``scale`` times Llama 3 8B."""
    base: dict[str, Value] = {"general.basename": title}
    return [
        model(
            SIZES_GIB[name] * scale,
            name=f"{title}-{name}",
            title=title,
            quantisation=name,
            parameters=int(PARAMETERS * scale),
            n_ctx_train=8192,
            metadata=base,
        )
        for name in names or SIZES_GIB
    ]


def with_gpu(free_gib: float, *, ram_gib: float = 24, **more: object) -> Hardware:
    """One card with so much free, beside a machine of 32 GiB."""
    device = RTX_4070.devices[0]
    card = replace(device, total_bytes=int((free_gib + 1) * GIB), free_bytes=int(free_gib * GIB), **more)
    return replace(RTX_4070, devices=(card,), memory=replace(RTX_4070.memory, available_bytes=int(ram_gib * GIB)))


def with_ram(available_gib: float, total_gib: float = 64) -> Hardware:
    """No GPU; memory of a laptop's speed."""
    memory = Memory(int(total_gib * GIB), int(available_gib * GIB), bandwidth_bytes_per_s=51.2e9)
    return replace(LAPTOP_WITHOUT_GPU, memory=memory)
