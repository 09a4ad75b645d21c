"""How fast a model will probably answer: bytes read for each token, by what each device reads in a second."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.hardware.facts import Cpu, Device, Hardware
from workbench.models.breakdown import RAM, Share
from workbench.models.derived import TensorUse, subject_of, tensor_use
from workbench.models.file import ModelFile
from workbench.models.ggml_types import BY_NAME
from workbench.models.learnt import DeviceSpeed, Learnt, SpeedRun
from workbench.models.params import RunParams
from workbench.models.shape import Shape
from workbench.models.speed import Range, Speed, SpeedSource

# The slow end of a range is that of a conversation this long, the fast end that of its first token.
CONVERSATION_TOKENS = 4096
MIN_SPREAD = 0.10
# One run says little about the next on a machine that also does other things.
_SPREAD_OF_FEW = {1: 0.40, 2: 0.25}

# What of a specified bandwidth decoding reaches.  83-87 % on two GPUs with ten dense models of 3B to 32B, less
# with models of many small operations; of a measured bandwidth of main memory, more.
_OF_SPECIFIED = (0.55, 0.90)
_OF_MEASURED = (0.60, 1.00)
# Expert models came out at seven tenths of what their bytes say.
_OF_EXPERTS = (0.65, 0.85)
# Seconds a token costs whatever its size: 1.7 ms fitted on two GPUs.
_GPU_OVERHEAD_S = (2.5e-3, 0.8e-3)
_CPU_OVERHEAD_S = (2.0e-3, 0.2e-3)
# A processor core also has to compute: multiplications and additions in a second with quantised weights.  15e9
# measured on one core of a server with tiny models.
_CORE_OPERATIONS_PER_S = (10e9, 70e9)

# What was learnt from files of one size says little about files many times larger or smaller.
_REACH = 4
# Two parameters want files of different sizes: the largest at least this many times the smallest.
_TELLING = 1.5
# A part of the model below this share of what is read does not decide anything.
_NEGLIGIBLE = 0.01


@dataclass(frozen=True, slots=True)
class _Rate:
    """One device's slow and fast ends: bytes and operations in a second, seconds beside them."""

    bytes_per_s: tuple[float, float]
    overhead_s: tuple[float, float]
    operations_per_s: tuple[float, float] | None
    source: SpeedSource
    learnt: DeviceSpeed | None = None


def bytes_per_token(model: ModelFile, shape: Shape, params: RunParams, position: int) -> int:
    """Bytes of weights and cache that decoding one token after ``position`` others reads.

    Weights without the tables of which one row is looked up, and of the experts those that are used; of the
    cache every earlier token, of window layers the window only; recurrent states are read whole.
    """
    use = tensor_use(model.header)
    return _weights_read(model, use) + _cache_read(shape, params, position)


def operations_per_token(model: ModelFile, shape: Shape, params: RunParams, position: int = 0) -> float:
    """Multiplications and additions for one token of a prompt after ``position`` others.

    Two for each weight in use; the output is left out when the logits of a prompt's last token alone are
    wanted (``n_outputs_max``).  Attention adds four for each head element and earlier token.
    """
    use = tensor_use(model.header)
    elements = use.layer_elements - (1 - use.expert_share) * use.expert_elements
    if params.n_outputs_max == 0:
        elements += use.output_elements
    seen = sum(
        min(position, shape.window) if cache.windowed else position for cache in shape.caches if cache.k_elements
    )
    return 2.0 * elements + 4.0 * shape.n_head * use.head_k * seen


def expected_speed(
    model: ModelFile, params: RunParams, shares: Sequence[Share], hardware: Hardware, learnt: Learnt
) -> Speed | None:
    """Ranges for a load with these shares; None where neither a run nor a bandwidth supports a figure.

    Decoding: the devices work one after another, each for bytes read / effective bandwidth + a fixed time.
    """
    shape = subject_of(model.header).shape
    whole = bytes_per_token(model, shape, params, 0)
    near, far = (_reads(model, shape, params, shares, tokens) for tokens in (0, _conversation(params)))
    used = {device: amount for device, amount in near.items() if amount > _NEGLIGIBLE * whole}
    rates = {device: _rate(device, amount, hardware, learnt) for device, amount in used.items()}
    known = {device: rate for device, rate in rates.items() if rate is not None}
    if not known or len(known) < len(rates):
        return None
    operations = operations_per_token(model, shape, params)
    experts = _OF_EXPERTS if tensor_use(model.header).n_expert else (1.0, 1.0)
    slow = sum(
        _seconds(rate, far[device], operations * far[device] / whole, 0, experts) for device, rate in known.items()
    )
    fast = sum(
        _seconds(rate, near[device], operations * near[device] / whole, 1, experts) for device, rate in known.items()
    )
    sources = [rate.source for rate in known.values()]
    return Speed(
        prefill_tokens_per_s=_prefill(operations, used, known),
        decode_tokens_per_s=Range(1 / slow, 1 / fast) if fast > 0 else None,
        source=max(sources, key=list(SpeedSource).index),
        runs=min((rate.learnt.runs for rate in known.values() if rate.learnt), default=0),
    )


def refit(runs: Sequence[SpeedRun]) -> DeviceSpeed | None:
    """The two parameters of a device, by least squares of the relative error, neither below zero.

    seconds per token = bytes / bandwidth + overhead.  Files of about one size cannot tell the two apart: then
    all the time is the bandwidth's.  None without a run that decoded anything.
    """
    points = [
        (float(run.bytes_per_token), run.decode_ms / 1000 / run.decode_tokens)
        for run in runs
        if run.decode_tokens > 0 and run.decode_ms > 0 and run.bytes_per_token > 0
    ]
    if not points:
        return None
    slope, overhead = _two_parameters(points)
    spread = max(abs((slope * size + overhead) / seconds - 1) for size, seconds in points)
    prefills = [
        run.operations_per_token * run.prefill_tokens / (run.prefill_ms / 1000)
        for run in runs
        if run.prefill_tokens > 0 and run.prefill_ms > 0 and run.operations_per_token > 0
    ]
    return DeviceSpeed(
        bandwidth_bytes_per_s=1 / slope,
        overhead_s=overhead,
        operations_per_s=statistics.median(prefills) if prefills else None,
        runs=len(points),
        spread=max(_SPREAD_OF_FEW.get(len(points), MIN_SPREAD), spread),
        smallest_bytes=int(min(size for size, _ in points)),
        largest_bytes=int(max(size for size, _ in points)),
    )


# --- what is read ----------------------------------------------------------------------------


def _weights_read(model: ModelFile, use: TensorUse) -> int:
    whole = subject_of(model.header).weights.total_bytes
    idle = (1 - use.expert_share) * sum(use.expert_bytes)
    return max(0, int(whole - use.looked_up_bytes + use.embedding_bytes - idle))


def _cache_read(shape: Shape, params: RunParams, position: int) -> int:
    total = 0
    for cache in shape.caches:
        tokens = min(position, shape.window) if cache.windowed and shape.window else position
        row = _row_bytes(params.type_k, cache.k_elements) + _row_bytes(params.type_v, cache.v_elements)
        total += tokens * row + cache.state_bytes
    return total


def _row_bytes(type_name: str, elements: int) -> int:
    kind = BY_NAME[type_name]
    return -(-elements // kind.block_elements) * kind.block_bytes


def _conversation(params: RunParams) -> int:
    own = params.n_ctx if params.kv_unified else params.n_ctx // max(1, params.n_seq_max)
    return min(CONVERSATION_TOKENS, own)


def _reads(
    model: ModelFile, shape: Shape, params: RunParams, shares: Sequence[Share], position: int
) -> dict[str, float]:
    """Bytes that each device reads for a token; what no accelerator reads, the processor does."""
    use = tensor_use(model.header)
    accelerators = [share for share in shares if share.device != RAM]
    cache, cache_total = _cache_read(shape, params, position), sum(share.kv_bytes for share in shares) or 1
    reads = {share.device: cache * share.kv_bytes / cache_total for share in shares}
    experts = _offloaded_experts_bytes(shape, params, use) if accelerators else 0
    offloaded = sum(share.weights_bytes for share in accelerators) or 1
    left = float(_weights_read(model, use))
    for share in accelerators:
        idle = (1 - use.expert_share) * experts * share.weights_bytes / offloaded
        own = min(left, max(0.0, share.weights_bytes - idle))
        reads[share.device] += own
        left -= own
    reads[RAM] = reads.get(RAM, 0.0) + left
    return reads


def _offloaded_experts_bytes(shape: Shape, params: RunParams, use: TensorUse) -> int:
    first = max(0, shape.n_layer + 1 - params.n_gpu_layers) if params.n_gpu_layers >= 0 else 0
    return sum(use.expert_bytes[max(first, params.n_cpu_moe) :])


# --- how fast a device is --------------------------------------------------------------------


def _rate(device: str, read_bytes: float, hardware: Hardware, learnt: Learnt) -> _Rate | None:
    """Learnt where past runs reach that far, else from the bandwidth; None without either."""
    if device == RAM:
        key, bandwidth = hardware.cpu.key, hardware.memory.bandwidth_bytes_per_s
    else:
        accelerator = next((one for one in hardware.devices if one.name == device), None)
        if accelerator is None:
            return None
        key, bandwidth = accelerator.key, _specified(accelerator)
    known = learnt.speeds.get(key)
    if known is not None and _within_reach(known, read_bytes):
        return _learnt_rate(known)
    if not bandwidth:
        return None
    measured = device == RAM and not hardware.described
    low, high = _OF_MEASURED if measured else _OF_SPECIFIED
    return _Rate(
        bytes_per_s=(low * bandwidth, high * bandwidth),
        overhead_s=_CPU_OVERHEAD_S if device == RAM else _GPU_OVERHEAD_S,
        operations_per_s=_cpu_operations(hardware.cpu) if device == RAM else None,
        source=SpeedSource.MEASURED if measured else SpeedSource.SPECIFICATION,
    )


def _specified(device: Device) -> float | None:
    return device.bandwidth_bytes_per_s or (device.nvml.bandwidth_bytes_per_s if device.nvml is not None else None)


def _cpu_operations(cpu: Cpu) -> tuple[float, float]:
    slow, fast = _CORE_OPERATIONS_PER_S
    return slow * cpu.usable_cores, fast * cpu.usable_cores


def _within_reach(known: DeviceSpeed, read_bytes: float) -> bool:
    if not known.largest_bytes:
        return True
    return known.smallest_bytes / _REACH <= read_bytes <= known.largest_bytes * _REACH


def _learnt_rate(known: DeviceSpeed) -> _Rate:
    slow, fast = 1 / (1 + known.spread), 1 + known.spread
    return _Rate(
        bytes_per_s=(known.bandwidth_bytes_per_s * slow, known.bandwidth_bytes_per_s * fast),
        overhead_s=(known.overhead_s / slow, known.overhead_s / fast),
        operations_per_s=None,
        source=SpeedSource.LEARNT,
        learnt=known,
    )


def _seconds(rate: _Rate, read_bytes: float, operations: float, end: int, experts: tuple[float, float]) -> float:
    """Of one token on one device; ``end`` 0 is the slow one, 1 the fast one."""
    # Runs of expert models are among the learnt ones or not, which nobody knows: only the slow end allows for it.
    factor = experts[end] if rate.learnt is None or end == 0 else 1.0
    reading = read_bytes / (rate.bytes_per_s[end] * factor)
    computing = operations / rate.operations_per_s[end] if rate.operations_per_s is not None else 0.0
    return max(reading, computing) + rate.overhead_s[end]


def _prefill(operations: float, used: dict[str, float], rates: dict[str, _Rate]) -> Range | None:
    """From learnt operations alone: what a specification says about them, prompts do not reach."""
    seconds, spread, whole = 0.0, 0.0, sum(used.values())
    for device, read_bytes in used.items():
        known = rates[device].learnt
        if known is None or not known.operations_per_s:
            return None
        seconds += operations * read_bytes / whole / known.operations_per_s
        spread = max(spread, known.spread)
    return Range(1 / seconds / (1 + spread), (1 + spread) / seconds) if seconds > 0 else None


# --- least squares ---------------------------------------------------------------------------


def _two_parameters(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Seconds per byte and seconds beside them; the best pair with the first above and the second not below 0."""
    # Weighted by 1 / seconds, so that relative errors count: minimise the sum of (slope·u + overhead·v - 1)².
    pairs = [(size / seconds, 1 / seconds) for size, seconds in points]
    uu, vv, uv = (sum(a * b for a, b in rows) for rows in _products(pairs))
    u, v = (sum(column) for column in zip(*pairs, strict=True))
    determinant = uu * vv - uv * uv
    sizes = [size for size, _ in points]
    if max(sizes) >= _TELLING * min(sizes) and determinant > 0:
        slope, overhead = (u * vv - v * uv) / determinant, (v * uu - u * uv) / determinant
        if slope > 0 and overhead >= 0:
            return slope, overhead
    return u / uu, 0.0


def _products(pairs: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], ...]:
    return [(u, u) for u, _ in pairs], [(v, v) for _, v in pairs], list(pairs)
