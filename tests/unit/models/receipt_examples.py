"""Receipts and runs with chosen figures, for tests of what is stored and what is learnt."""

from __future__ import annotations

from workbench.models.breakdown import RAM, Basis, Kind, Part, Share
from workbench.models.exact import Buffer
from workbench.models.learnt import SpeedRun
from workbench.models.params import RunParams
from workbench.models.receipt import Growth, Receipt

MIB = 1 << 20
CPU, GPU = "cpu:Some processor:4", "gpu:GPU-1"


def part(kind: Kind, mib: int, basis: Basis = Basis.EXACT) -> Part:
    return Part(kind, mib * MIB, basis)


def receipt(
    *,
    predicted_mib: int = 1000,
    reported_mib: int = 1000,
    process_mib: int | None = 1100,
    alone: bool = True,
    warm: bool = True,
    engine: str = "llama.cpp 0.5.0 (abc)",
    header: str = "h1",
    load_ms: float = 2000.0,
    weights_shared: bool = False,
    on_gpu_mib: int = 0,
    gpu_fell_mib: int | None = None,
    session: str = "today",
) -> Receipt:
    """``predicted_mib`` and ``reported_mib`` are main memory's, plus 100 MiB that llama.cpp does not speak of;
    ``on_gpu_mib`` are predicted and reported on a GPU beside it."""
    ram = Share(
        RAM,
        (
            part(Kind.WEIGHTS, predicted_mib - 100),
            part(Kind.KV, 60),
            part(Kind.COMPUTE, 40, Basis.MODELLED),
            part(Kind.VOCABULARY, 80, Basis.MODELLED),
            part(Kind.OUTPUT, 20, Basis.RESERVE),
        ),
        8000 * MIB,
    )
    shares = (Share("CUDA0", (part(Kind.WEIGHTS, on_gpu_mib),), 12_000 * MIB), ram) if on_gpu_mib else (ram,)
    buffers = (Buffer("CPU", RAM, (reported_mib - 100) * MIB, 60 * MIB, 40 * MIB),)
    if on_gpu_mib:
        buffers = (Buffer("CUDA0", "CUDA0", on_gpu_mib * MIB, 0, 0), *buffers)
    fell = (("CUDA0", gpu_fell_mib * MIB),) if gpu_fell_mib is not None else ()
    return Receipt(
        id=0,
        made_at="2026-03-01T12:00:00+00:00",
        model_name="model",
        model_path="/models/model.gguf",
        header_sha256=header,
        architecture="llama",
        quantisation="Q4_K_M",
        engine=engine,
        device_key=GPU if on_gpu_mib else CPU,
        params=RunParams(n_ctx=2048, type_k="q8_0", n_gpu_layers=7),
        predicted=shares,
        predicted_basis="exact",
        reported=buffers,
        growth=Growth(process_mib * MIB if process_mib is not None else None, fell, alone, warm),
        load_ms=load_ms,
        weights_shared=weights_shared,
        device_keys=(("CUDA0", GPU), (RAM, CPU)),
        session=session,
    )


def run(
    *,
    device: str = CPU,
    engine: str = "llama.cpp 0.5.0 (abc)",
    header: str = "h1",
    megabytes: float = 1000.0,
    bandwidth: float = 20e9,
    overhead_s: float = 0.0,
    tokens: int = 100,
    threads: int = 4,
    prefill_tokens: int = 200,
    operations_per_s: float = 1e12,
) -> SpeedRun:
    """A run at exactly this bandwidth and overhead."""
    size_bytes = int(megabytes * 1e6)
    return SpeedRun(
        ran_at="2026-03-01T12:00:00+00:00",
        device_key=device,
        engine=engine,
        architecture="llama",
        header_sha256=header,
        n_threads=threads,
        bytes_per_token=size_bytes,
        decode_tokens=tokens,
        decode_ms=1000 * tokens * (size_bytes / bandwidth + overhead_s),
        operations_per_token=2.0 * size_bytes,
        prefill_tokens=prefill_tokens,
        prefill_ms=1000 * prefill_tokens * 2.0 * size_bytes / operations_per_s,
    )
