"""What fills a machine's memory, device by device, as pieces that can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.chat.pane import Pane
from workbench.engine.base import EngineFacts
from workbench.gui.theme import Tone
from workbench.gui.words import family_tone
from workbench.hardware.facts import Device, Hardware, Memory
from workbench.hardware.words import human_bytes
from workbench.models.params import ALL_LAYERS

RAM = "RAM"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is open in a pane."""

    path: Path
    title: str
    tone: Tone
    facts: EngineFacts


@dataclass(frozen=True, slots=True)
class Piece:
    """``strength`` 1 is the tone's full colour; the KV cache and buffers of a model are paler than its weights."""

    label: str
    size_bytes: int
    tone: Tone
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    name: str
    total_bytes: int
    pieces: tuple[Piece, ...]
    others_bytes: int

    @property
    def used_bytes(self) -> int:
        return self.others_bytes + sum(piece.size_bytes for piece in self.pieces)

    @property
    def free_bytes(self) -> int:
        return max(0, self.total_bytes - self.used_bytes)

    @property
    def short(self) -> str:
        """ "9.8 / 16 GB"."""
        used, total = human_bytes(self.used_bytes), human_bytes(self.total_bytes)
        number, unit = used.split()
        return f"{number if total.endswith(unit) else used} / {total}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything the bar shows, one line each, for tool tips and screen readers."""
        models = [f"{piece.label}: {human_bytes(piece.size_bytes)}" for piece in self.pieces]
        return (
            f"{self.name}: {human_bytes(self.used_bytes)} of {human_bytes(self.total_bytes)} in use",
            *models,
            f"other programs and this window: {human_bytes(self.others_bytes)}",
            f"free: {human_bytes(self.free_bytes)}",
        )


def loaded_models(panes: Sequence[Pane]) -> tuple[Loaded, ...]:
    return tuple(
        Loaded(pane.model.path, pane.model.title, family_tone(pane.model.family), pane.facts)
        for pane in panes
        if pane.model is not None and pane.facts is not None
    )


def device_memory(machine: Hardware, loaded: Sequence[Loaded]) -> tuple[DeviceMemory, ...]:
    """Main memory first, then each device.

    Models are drawn where their bytes are known to be: a model wholly on the GPU on the first device, one
    without GPU layers in RAM; one that is split is part of what is in use.  Weights that two panes share
    are counted once.
    """
    here: dict[str, list[Loaded]] = {}
    for model in loaded:
        here.setdefault(_place(model, machine), []).append(model)
    found = [_device_memory(RAM, *_main(machine.memory), _pieces(here.get(RAM, [])))]
    for index, device in enumerate(machine.devices):
        pieces = _pieces(here.get(device.name, [])) if index == 0 else ()
        found.append(_device_memory(_short_name(device), device.total_bytes, device.free_bytes, pieces))
    return tuple(found)


def _device_memory(name: str, total_bytes: int, free_bytes: int, pieces: tuple[Piece, ...]) -> DeviceMemory:
    models_bytes = sum(piece.size_bytes for piece in pieces)
    # Weights mapped from the file may be counted as free by the system: what is ours is ours all the same.
    return DeviceMemory(name, total_bytes, pieces, max(0, total_bytes - free_bytes - models_bytes))


def _main(memory: Memory) -> tuple[int, int]:
    total = memory.limit_bytes or memory.total_bytes
    return total, min(total, memory.available_bytes)


def _place(model: Loaded, machine: Hardware) -> str:
    layers = model.facts.params.n_gpu_layers
    if not machine.devices or layers == 0:
        return RAM
    return machine.devices[0].name if layers == ALL_LAYERS else "split"


def _pieces(models: Sequence[Loaded]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    weighed: set[Path] = set()
    for model in models:
        parts = [("context", model.facts.kv_bytes, 0.6), ("buffers", model.facts.compute_bytes, 0.35)]
        if model.path not in weighed:
            parts.insert(0, ("weights", model.facts.weights_bytes, 1.0))
            weighed.add(model.path)
        pieces += [
            Piece(f"{model.title}, {part}", size, model.tone, strength) for part, size, strength in parts if size
        ]
    return tuple(pieces)


def _short_name(device: Device) -> str:
    """The product's name without its maker's: "RTX 4070"."""
    name = device.description or device.name
    for maker in ("NVIDIA GeForce ", "NVIDIA ", "AMD ", "Intel(R) ", "Apple "):
        name = name.removeprefix(maker)
    return name
