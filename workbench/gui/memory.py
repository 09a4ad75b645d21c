"""What fills a machine's memory, device by device, as pieces that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.chat.pane import Pane
from workbench.gui.theme import Tone
from workbench.gui.tr import tr
from workbench.gui.words import family_tone

if TYPE_CHECKING:
    from workbench.engine.base import EngineFacts
    from workbench.hardware.facts import Device, Hardware, Memory
    from workbench.models.fit import Fit

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
    """``device`` is "RAM" or llama.cpp's name of the device, ``name`` what people call it."""

    name: str
    total_bytes: int
    pieces: tuple[Piece, ...]
    others_bytes: int
    device: str = RAM

    @property
    def used_bytes(self) -> int:
        return self.others_bytes + sum(piece.size_bytes for piece in self.pieces)

    @property
    def free_bytes(self) -> int:
        return max(0, self.total_bytes - self.used_bytes)

    @property
    def short(self) -> str:
        """ "9.8 / 16 GB"."""
        from workbench.hardware.words import human_bytes

        used, total = human_bytes(self.used_bytes), human_bytes(self.total_bytes)
        number, unit = used.split()
        return f"{number if total.endswith(unit) else used} / {total}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything the bar shows, one line each, for tool tips and screen readers."""
        from workbench.hardware.words import human_bytes

        models = [f"{piece.label}: {human_bytes(piece.size_bytes)}" for piece in self.pieces]
        return (
            tr(
                "{name}: {used} of {total} in use",
                name=self.name,
                used=human_bytes(self.used_bytes),
                total=human_bytes(self.total_bytes),
            ),
            *models,
            tr("other programs and this window: {others}", others=human_bytes(self.others_bytes)),
            tr("free: {free}", free=human_bytes(self.free_bytes)),
        )


@dataclass(frozen=True, slots=True)
class Added:
    """What one device would have to take; ``over_bytes`` of it are more than can be spared."""

    size_bytes: int
    over_bytes: int = 0

    @property
    def words(self) -> str:
        """ "+ 2.9 GB", or "✕ 1.8 GB over"."""
        from workbench.hardware.words import human_bytes

        return (
            tr("✕ {over} over", over=human_bytes(self.over_bytes))
            if self.over_bytes
            else f"+ {human_bytes(self.size_bytes)}"
        )


@dataclass(frozen=True, slots=True)
class Ghost:
    """What loading a model would add to each device, by device."""

    title: str
    added: Mapping[str, Added]

    def sentence(self, memory: DeviceMemory) -> str:
        """What the hatched part of a device's bar means, in words."""
        from workbench.hardware.words import human_bytes

        added = self.added.get(memory.device)
        if added is None or not added.size_bytes:
            return tr("{title} would take nothing of {name}", title=self.title, name=memory.name)
        over = tr(", {over} more than can be spared", over=human_bytes(added.over_bytes)) if added.over_bytes else ""
        return tr(
            "{title} would add {size} to {name}{over}",
            title=self.title,
            size=human_bytes(added.size_bytes),
            name=memory.name,
            over=over,
        )


def ghost_of(found: Fit, loaded: Sequence[Loaded] = ()) -> Ghost:
    """Weights that are in memory already, of the same file, are not added again."""
    here = any(model.path == found.model.path for model in loaded)
    added = {}
    for share in found.shares:
        shared = share.weights_bytes if here else 0
        added[share.device] = Added(share.total_bytes - shared, max(0, share.short_by_bytes - shared))
    return Ghost(f"{found.model.title} {found.model.quantisation}", added)


def loaded_models(panes: Sequence[Pane]) -> tuple[Loaded, ...]:
    return tuple(
        Loaded(pane.model.path, pane.model.title, family_tone(pane.model.family), pane.facts)
        for pane in panes
        if pane.model is not None and pane.facts is not None
    )


def nameless(loaded: Sequence[Loaded]) -> tuple[Loaded, ...]:
    """The same without names and family colours, for as long as nobody may know who answers."""
    return tuple(replace(model, title=tr("a model of this comparison"), tone=Tone.MUTED) for model in loaded)


def device_memory(machine: Hardware, loaded: Sequence[Loaded]) -> tuple[DeviceMemory, ...]:
    """Main memory first, then each device.

    Models are drawn where llama.cpp says that their bytes are.  Where it does not, one wholly on the GPU is drawn
    on the first device, one without GPU layers in RAM, and one that is split is part of what is in use.  Weights
    that two panes share are counted once.
    """
    found = [_device_memory(RAM, RAM, *_main(machine.memory), _pieces(loaded, RAM, machine))]
    names = device_names(machine)
    for device in machine.devices:
        pieces = _pieces(loaded, device.name, machine)
        found.append(_device_memory(device.name, names[device.name], device.total_bytes, device.free_bytes, pieces))
    return tuple(found)


def _device_memory(
    device: str, name: str, total_bytes: int, free_bytes: int, pieces: tuple[Piece, ...]
) -> DeviceMemory:
    models_bytes = sum(piece.size_bytes for piece in pieces)
    # Weights mapped from the file may be counted as free by the system: what is ours is ours all the same.
    return DeviceMemory(name, total_bytes, pieces, max(0, total_bytes - free_bytes - models_bytes), device)


def _main(memory: Memory) -> tuple[int, int]:
    total = memory.limit_bytes or memory.total_bytes
    return total, min(total, memory.available_bytes)


def _place(model: Loaded, machine: Hardware) -> str:
    from workbench.models.params import ALL_LAYERS

    layers = model.facts.params.n_gpu_layers
    if not machine.devices or layers == 0:
        return RAM
    return machine.devices[0].name if layers == ALL_LAYERS else "split"


def _pieces(models: Sequence[Loaded], device: str, machine: Hardware) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    weighed: set[Path] = set()
    for model in models:
        weights, context, buffers = _held(model, device, machine)
        parts = [("context", context, 0.6), ("buffers", buffers, 0.35)]
        if model.path not in weighed:
            parts.insert(0, ("weights", weights, 1.0))
            weighed.add(model.path)
        pieces += [
            Piece(f"{model.title}, {part}", size, model.tone, strength) for part, size, strength in parts if size
        ]
    return tuple(pieces)


def _held(model: Loaded, device: str, machine: Hardware) -> tuple[int, int, int]:
    """Weights, context and buffers of a model on one device."""
    facts = model.facts
    if facts.buffers:
        here = [buffer for buffer in facts.buffers if buffer.device == device]
        return (
            sum(buffer.weights_bytes for buffer in here),
            sum(buffer.kv_bytes for buffer in here),
            sum(buffer.compute_bytes for buffer in here),
        )
    if _place(model, machine) != device:
        return 0, 0, 0
    return facts.weights_bytes or 0, facts.kv_bytes or 0, facts.compute_bytes or 0


def device_names(machine: Hardware) -> dict[str, str]:
    """What people call each device, by llama.cpp's name of it; of the same product several are numbered."""
    products = [_product(device) for device in machine.devices]
    names = {}
    for place, (device, product) in enumerate(zip(machine.devices, products, strict=True), 1):
        number = f" #{products[:place].count(product)}" if products.count(product) > 1 else ""
        names[device.name] = product + number
    return names


def _product(device: Device) -> str:
    """The product's name without its maker's: "RTX 4070"."""
    name = device.description or device.name
    for maker in (tr("NVIDIA GeForce "), tr("NVIDIA "), tr("AMD "), tr("Intel(R) "), tr("Apple ")):
        name = name.removeprefix(maker)
    return name
