"""A GPU without room: the same model with less of it there, and the reason told."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import pytest

from tests.unit.models.described_models import LAYERS, model
from workbench.engine.base import EngineFacts, LoadEvent, Loading, LoadRequest
from workbench.engine.fake import FakeBackend, FakeEngine, fake_model
from workbench.engine.smaller import TRIES, SmallerBackend, smaller_placement
from workbench.errors import Cancelled, DeviceMemoryError, ModelLoadError
from workbench.hardware.examples import RTX_3060, RTX_4090
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken, run
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.plans import Case

MODEL = fake_model("Eight", size_bytes=6_000_000_000)
FULL = "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory"


class FullDevice:
    """Takes at most ``room_layers`` of a model onto the device."""

    name = "llama.cpp"
    version = "scripted"

    def __init__(self, room_layers: int, error: ModelLoadError | None = None) -> None:
        self.room_layers = room_layers
        self.error = error or DeviceMemoryError(f"There is no room on CUDA0 ({FULL}).")
        self.tried: list[RunParams] = []
        self.closed = False

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, FakeEngine]:
        self.tried.append(request.params)
        yield Loading(0.0)
        layers = request.params.n_gpu_layers
        if layers == ALL_LAYERS or layers > self.room_layers:
            raise self.error
        return FakeEngine(FakeBackend(), request)

    def close(self) -> None:
        self.closed = True


def opened(inner: FullDevice, machine: Hardware = RTX_4090, params: RunParams | None = None) -> EngineFacts:
    request = LoadRequest(MODEL, params or RunParams(n_ctx=4096))
    return run(lambda cancel: SmallerBackend(inner, lambda: machine).open(request, cancel)).facts


def test_what_fits_is_left_alone() -> None:
    inner = FullDevice(room_layers=99)
    facts = opened(inner, params=RunParams(n_gpu_layers=17))
    assert facts.notes == ()
    assert [params.n_gpu_layers for params in inner.tried] == [17]


def test_fewer_layers_are_tried_and_the_reason_is_told() -> None:
    inner = FullDevice(room_layers=13)
    facts = opened(inner)
    assert 0 < facts.params.n_gpu_layers <= 13
    assert len(facts.notes) == len(inner.tried) - 1
    assert FULL in facts.notes[0]
    assert "instead of 17 of 17 layers on the GPU" in facts.notes[0]
    assert f"Loaded with {facts.params.n_gpu_layers} of 17" in facts.notes[-1]


def test_each_try_puts_less_on_the_device_and_changes_nothing_else() -> None:
    inner = FullDevice(room_layers=0)
    facts = opened(inner)
    layers = [17 if params.n_gpu_layers == ALL_LAYERS else params.n_gpu_layers for params in inner.tried]
    assert layers == sorted(set(layers), reverse=True)
    assert layers[-1] == 0
    assert len(layers) <= TRIES + 1
    assert {replace(params, n_gpu_layers=0) for params in inner.tried} == {RunParams(n_ctx=4096, n_gpu_layers=0)}
    assert facts.params.n_gpu_layers == 0


def test_what_the_device_has_free_now_decides() -> None:
    inner = FullDevice(room_layers=99, error=None)
    inner.room_layers = 16
    busy = replace(RTX_4090, devices=(replace(RTX_4090.devices[0], free_bytes=3 << 30),))
    facts = opened(inner, machine=busy)
    case = Case.of(MODEL.header, busy, {})
    assert len(inner.tried) == 2
    assert case.fits(facts.params)


def test_the_last_refusal_is_the_error_where_nothing_is_left() -> None:
    inner = FullDevice(room_layers=-1)
    with pytest.raises(DeviceMemoryError, match="no room"):
        opened(inner)
    assert inner.tried[-1].n_gpu_layers == 0


def test_main_memory_that_cannot_take_the_rest_ends_it() -> None:
    small = replace(RTX_3060, memory=replace(RTX_3060.memory, available_bytes=1 << 30))
    inner = FullDevice(room_layers=0)
    with pytest.raises(DeviceMemoryError):
        opened(inner, machine=small)
    assert len(inner.tried) == 1


def test_another_failure_is_not_tried_again() -> None:
    inner = FullDevice(room_layers=0, error=ModelLoadError("The file may be damaged."))
    with pytest.raises(ModelLoadError, match="damaged"):
        opened(inner)
    assert len(inner.tried) == 1


def test_a_cancelled_load_is_not_tried_again() -> None:
    inner, cancel = FullDevice(room_layers=0), CancelToken()
    opening = SmallerBackend(inner, lambda: RTX_4090).open(LoadRequest(MODEL, RunParams()), cancel)
    next(opening)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(opening)
    assert len(inner.tried) == 1


def test_it_closes_what_it_opens_with() -> None:
    inner = FullDevice(room_layers=0)
    SmallerBackend(inner, lambda: RTX_4090).close()
    assert inner.closed


def test_nothing_is_smaller_than_no_layer_at_all() -> None:
    case = Case.of(MODEL.header, RTX_4090, {})
    assert smaller_placement(case, RunParams(n_gpu_layers=0)) is None


def test_experts_leave_the_device_before_layers_do() -> None:
    mixture = model(12.0, experts=64, used=4)
    case = Case.of(mixture.header, RTX_4090, {})
    whole = RunParams(n_gpu_layers=case.everything)
    found = smaller_placement(case, whole)
    assert found is not None
    assert found.n_gpu_layers == case.everything
    assert found.n_cpu_moe > 0
    out = smaller_placement(case, replace(whole, n_cpu_moe=LAYERS))
    assert out is not None
    assert out.n_gpu_layers < case.everything
