"""Where the parts of a model go: layers, experts, embeddings, and what is kept free."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.metadata import GIB, header_of
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.hardware.facts import Device, DeviceKind, Hardware, Memory
from workbench.models.breakdown import RAM, Basis, Kind, Share
from workbench.models.header import Array, Tensor, Value
from workbench.models.learnt import Reserve
from workbench.models.memory import cache_bytes, compute_bytes, vocabulary_bytes
from workbench.models.params import RunParams
from workbench.models.placement import (
    DEVICE_OVERHEAD_BYTES,
    DEVICE_RESERVE_BYTES,
    Subject,
    device_budget_bytes,
    place,
    ram_budget_bytes,
    ram_reserve_bytes,
    usable_devices,
)
from workbench.models.shape import shape_of

MIB = 1 << 20
LAYERS = 4
EMBEDDINGS, OUTPUT, LAYER, EXPERTS = 100 * MIB, 90 * MIB, 50 * MIB, 30 * MIB
CARD = RTX_4070.devices[0]


def subject(*, tied: bool = False, experts: bool = False, architecture: str = "llama", **more: Value) -> Subject:
    """Four layers of 50 MiB, 30 of them experts where it has any."""
    sizes = {"token_embd.weight": EMBEDDINGS, "output_norm.weight": MIB}
    sizes |= {} if tied else {"output.weight": OUTPUT - MIB}
    for layer in range(LAYERS):
        sizes[f"blk.{layer}.attn_q.weight"] = LAYER - EXPERTS if experts else LAYER
        if experts:
            sizes[f"blk.{layer}.ffn_up_exps.weight"] = EXPERTS
    metadata: dict[str, Value] = {
        "block_count": LAYERS,
        "embedding_length": 1024,
        "attention.head_count": 8,
        "attention.head_count_kv": 8,
        "feed_forward_length": 4096,
    }
    metadata |= {"expert_count": 8, "expert_used_count": 2} if experts else {}
    tensors = tuple(Tensor(name, (256, 8), 14, 0, size) for name, size in sizes.items())
    header = header_of(architecture, metadata | {key.replace("__", "."): value for key, value in more.items()}, tensors)
    return Subject.of(header, shape_of(header))


def weights(shares: tuple[Share, ...]) -> list[int]:
    return [share.weights_bytes for share in shares]


def with_cards(*free_gib: float) -> Hardware:
    cards = tuple(
        replace(CARD, name=f"CUDA{number}", total_bytes=24 * GIB, free_bytes=int(free * GIB))
        for number, free in enumerate(free_gib)
    )
    return replace(RTX_4070, devices=cards)


@pytest.mark.parametrize(
    ("n_gpu_layers", "on_card", "in_ram"),
    [
        (0, None, EMBEDDINGS + 4 * LAYER + OUTPUT),
        (1, OUTPUT, EMBEDDINGS + 4 * LAYER),
        (2, OUTPUT + LAYER, EMBEDDINGS + 3 * LAYER),
        (4, OUTPUT + 3 * LAYER, EMBEDDINGS + LAYER),
        (5, OUTPUT + 4 * LAYER, EMBEDDINGS),
    ],
)
def test_the_output_layer_goes_first_and_the_embeddings_stay(
    n_gpu_layers: int, on_card: int | None, in_ram: int
) -> None:
    shares = place(subject(), RunParams(), RTX_4070, n_gpu_layers)
    assert weights(shares) == ([in_ram] if on_card is None else [on_card, in_ram])
    assert shares[-1].device == RAM


def test_the_cache_follows_its_layer() -> None:
    of = subject()
    each = cache_bytes(of.shape, RunParams())[0]
    for layers, on_card in ((1, 0), (2, 1), (5, 4)):
        card, ram = place(of, RunParams(), RTX_4070, layers)
        assert (card.kv_bytes, ram.kv_bytes) == (on_card * each, (LAYERS - on_card) * each)


def test_every_number_says_what_it_stands_on() -> None:
    of, params = subject(), RunParams()
    (ram,) = place(of, params, LAPTOP_WITHOUT_GPU, 0)
    assert {part.kind: part.basis for part in ram.parts} == {
        Kind.WEIGHTS: Basis.EXACT,
        Kind.KV: Basis.EXACT,
        Kind.COMPUTE: Basis.MODELLED,
        Kind.OUTPUT: Basis.EXACT,
        Kind.VOCABULARY: Basis.MODELLED,
        Kind.WORK: Basis.MODELLED,
    }
    assert ram.compute_bytes == compute_bytes(of.shape, params)
    assert ram.of(Kind.OUTPUT) == 4 * 32_000
    assert ram.of(Kind.VOCABULARY) == vocabulary_bytes(of.shape)
    card = place(of, params, RTX_4070, 5)[0]
    assert card.parts[-1] == replace(card.parts[-1], kind=Kind.DEVICE, basis=Basis.RESERVE)


def test_a_recurrent_state_is_told_apart_from_the_cache() -> None:
    of = subject(architecture="falcon-h1", ssm__conv_kernel=4, ssm__inner_size=512, ssm__state_size=64)
    card, ram = place(of, RunParams(n_seq_max=2), RTX_4070, 3)
    each = 2 * 4 * (3 * 512 + 64 * 512)
    assert (card.of(Kind.STATE), ram.of(Kind.STATE)) == (2 * each, 2 * each)
    assert card.kv_bytes == card.of(Kind.KV) + card.of(Kind.STATE)


def test_experts_of_the_first_layers_stay_in_main_memory() -> None:
    of = subject(experts=True)
    assert weights(place(of, RunParams(), RTX_4070, 5)) == [OUTPUT + 4 * LAYER, EMBEDDINGS]
    kept = place(of, RunParams(n_cpu_moe=3), RTX_4070, 5)
    assert weights(kept) == [OUTPUT + 4 * LAYER - 3 * EXPERTS, EMBEDDINGS + 3 * EXPERTS]
    # The first layers are in main memory anyway when not all are offloaded.
    split = place(of, RunParams(n_cpu_moe=2), RTX_4070, 4)
    assert weights(split) == [OUTPUT + 3 * LAYER - EXPERTS, EMBEDDINGS + LAYER + EXPERTS]
    assert sum(weights(split)) == of.weights.total_bytes
    assert weights(place(of, RunParams(n_cpu_moe=99), RTX_4070, 5))[0] == OUTPUT + 4 * (LAYER - EXPERTS)
    assert weights(place(of, RunParams(n_cpu_moe=3), LAPTOP_WITHOUT_GPU, 0)) == [of.weights.total_bytes]


def test_a_card_has_room_for_the_weights_it_borrows_to_compute_a_large_batch() -> None:
    of = subject()
    whole, split = (place(of, RunParams(), RTX_4070, layers)[0] for layers in (5, 4))
    assert split.compute_bytes - whole.compute_bytes == LAYER


def test_tied_embeddings_are_needed_on_the_card_too_but_not_where_the_file_is_mapped() -> None:
    of = subject(tied=True)
    assert weights(place(of, RunParams(), RTX_4070, 5)) == [MIB + 4 * LAYER + EMBEDDINGS, EMBEDDINGS]
    assert weights(place(of, RunParams(), M3_PRO, 5)) == [MIB + 4 * LAYER, EMBEDDINGS]


def test_several_cards_take_layers_by_their_free_memory() -> None:
    shares = place(subject(), RunParams(), with_cards(16, 4), 5)
    assert weights(shares) == [4 * LAYER, OUTPUT, EMBEDDINGS]
    shares = place(subject(), RunParams(), with_cards(8, 8), 5)
    assert weights(shares) == [3 * LAYER, LAYER + OUTPUT, EMBEDDINGS]
    assert len(place(subject(), RunParams(), with_cards(8, 8), 1)) == 3


def test_a_device_that_lives_in_main_memory_counts_it_once() -> None:
    shares = place(subject(), RunParams(), M3_PRO, 5)
    assert sum(share.available_bytes for share in shares) <= ram_budget_bytes(M3_PRO)
    assert shares[0].available_bytes + shares[1].total_bytes <= ram_budget_bytes(M3_PRO)


def test_integrated_graphics_are_used_only_where_there_is_nothing_else() -> None:
    own = replace(CARD, name="Vulkan0", kind=DeviceKind.IGPU, unified=True)
    assert usable_devices(replace(RTX_4070, devices=(own,))) == (own,)
    assert usable_devices(replace(RTX_4070, devices=(own, CARD))) == (CARD,)
    assert usable_devices(replace(RTX_4070, devices=(replace(own, total_bytes=0),))) == ()


# --- what is kept free -----------------------------------------------------------------------


def reserves(device: Device, size_bytes: int) -> dict[str, Reserve]:
    return {device.key: Reserve(size_bytes, loads=4)}


@pytest.mark.parametrize(
    ("learnt", "kept"),
    [(None, DEVICE_OVERHEAD_BYTES + DEVICE_RESERVE_BYTES), (100 * MIB, 512 * MIB), (1000 * MIB, 1100 * MIB)],
)
def test_what_was_learnt_of_a_card_replaces_the_constant(learnt: int | None, kept: int) -> None:
    known = {} if learnt is None else reserves(CARD, learnt)
    card = place(subject(), RunParams(), RTX_4070, 5, reserves=known)[0]
    assert CARD.free_bytes - card.available_bytes + card.of(Kind.DEVICE) == kept
    assert card.available_bytes == device_budget_bytes(CARD, known)
    odd = place(subject(), RunParams(), RTX_4070, 5, reserves=reserves(CARD, 900 * GIB))[0]
    assert odd.of(Kind.DEVICE) == CARD.total_bytes // 4, "never more than a quarter"
    other = place(subject(), RunParams(), RTX_4070, 5, reserves={"gpu:another": Reserve(9 * GIB, 1)})
    assert other == place(subject(), RunParams(), RTX_4070, 5)


@pytest.mark.parametrize(("total_gib", "reserve_gib"), [(2, 0.5), (8, 1.0), (64, 3.2)])
def test_some_main_memory_is_kept_for_the_system(total_gib: int, reserve_gib: float) -> None:
    machine = replace(LAPTOP_WITHOUT_GPU, memory=Memory(total_gib * GIB, total_gib * GIB))
    assert ram_reserve_bytes(machine) == pytest.approx(reserve_gib * GIB, abs=1)
    known = {machine.cpu.key: Reserve(100 * GIB, loads=3)}
    assert ram_reserve_bytes(machine, known) == total_gib * GIB // 4, "never more than a quarter"
    assert ram_reserve_bytes(machine, {machine.cpu.key: Reserve(1, loads=3)}) == ram_reserve_bytes(machine)


def test_windows_counts_what_programs_promised_themselves() -> None:
    memory = Memory(32 * GIB, 20 * GIB, commit_available_bytes=6 * GIB)
    machine = replace(LAPTOP_WITHOUT_GPU, memory=memory)
    assert ram_budget_bytes(machine) == 6 * GIB - ram_reserve_bytes(machine)
    roomy = replace(machine, memory=replace(memory, commit_available_bytes=60 * GIB))
    assert ram_budget_bytes(roomy) == 20 * GIB - ram_reserve_bytes(machine)
    assert place(subject(), RunParams(), machine, 0)[0].available_bytes == ram_budget_bytes(machine)


def test_more_context_never_needs_less() -> None:
    of = subject(
        architecture="gemma3", attention__sliding_window=512, attention__head_count_kv=Array(4, 4, (8, 4, 4, 8))
    )
    for params in (RunParams(), RunParams(n_seq_max=4, flash_attn="off"), RunParams(n_seq_max=4, kv_unified=True)):
        sizes = [
            sum(share.total_bytes for share in place(of, replace(params, n_ctx=n_ctx), RTX_4070, 3))
            for n_ctx in range(256, 16_384, 1024)
        ]
        assert sizes == sorted(sizes)
