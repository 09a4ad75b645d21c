"""What llama.cpp's own registry knows of this machine.  Surveyed in a child process only."""

from __future__ import annotations

import ctypes
from typing import Any

from workbench.engine import native
from workbench.errors import EngineError
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Survey
from workbench.hardware.nvidia import normalised_pci_id
from workbench.words import said

# ggml-backend.h: enum ggml_backend_dev_type
_KINDS = {1: DeviceKind.GPU, 2: DeviceKind.IGPU}


class _Caps(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_bool) for name in ("async_", "host_buffer", "from_host_ptr", "events", "mmap"))


class _Props(ctypes.Structure):
    """ggml-backend.h: struct ggml_backend_dev_props."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", _Caps),
    )


def survey() -> Survey:
    """Raises EngineError when two copies of ggml are loaded, each with a registry of its own."""
    lib = _declared(native.ggml())
    _check_one_registry(lib)
    backends = tuple(
        _text(lib.ggml_backend_reg_name(lib.ggml_backend_reg_get(index)))
        for index in range(lib.ggml_backend_reg_count())
    )
    devices = (_device(lib, lib.ggml_backend_dev_get(index)) for index in range(lib.ggml_backend_dev_count()))
    build = EngineBuild(version=native.version(), backends=backends, cpu_features=cpu_features())
    return Survey(build, tuple(device for device in devices if device is not None))


def names_by_pci() -> dict[str, str]:
    """llama.cpp's names for devices, by normalised PCI id.

    In the program's own process only after a model was loaded onto devices, which has started their drivers.
    """
    lib = _declared(native.ggml())
    devices = filter(None, (_device(lib, lib.ggml_backend_dev_get(i)) for i in range(lib.ggml_backend_dev_count())))
    named = ((normalised_pci_id(device.device_id), device.name) for device in devices)
    return {pci: name for pci, name in named if pci is not None}


def cpu_features() -> tuple[str, ...]:
    """What the processor backend was compiled for and may use here: "AVX2", "LLAMAFILE", …"""

    class Feature(ctypes.Structure):
        _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p))

    lib = native.ggml()
    lib.ggml_backend_reg_by_name.restype = ctypes.c_void_p
    lib.ggml_backend_reg_get_proc_address.restype = ctypes.c_void_p
    lib.ggml_backend_reg_get_proc_address.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    cpu = lib.ggml_backend_reg_by_name(b"CPU")
    address = lib.ggml_backend_reg_get_proc_address(cpu, b"ggml_backend_get_features") if cpu else None
    if not address:
        return ()
    features = ctypes.CFUNCTYPE(ctypes.POINTER(Feature), ctypes.c_void_p)(address)(cpu)
    found: list[str] = []
    while name := features[len(found)].name:
        found.append(name.decode() if features[len(found)].value == b"1" else "")
    return tuple(filter(None, found))


def _declared(lib: Any) -> Any:
    """``lib`` with the registry's functions told their types."""
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "ggml_backend_reg_count": (ctypes.c_size_t, []),
        "ggml_backend_reg_get": (ctypes.c_void_p, [ctypes.c_size_t]),
        "ggml_backend_reg_name": (ctypes.c_char_p, [ctypes.c_void_p]),
        "ggml_backend_reg_dev_count": (ctypes.c_size_t, [ctypes.c_void_p]),
        "ggml_backend_dev_count": (ctypes.c_size_t, []),
        "ggml_backend_dev_get": (ctypes.c_void_p, [ctypes.c_size_t]),
        "ggml_backend_dev_get_props": (None, [ctypes.c_void_p, ctypes.POINTER(_Props)]),
        "ggml_backend_dev_backend_reg": (ctypes.c_void_p, [ctypes.c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _check_one_registry(lib: Any) -> None:
    """The devices of all backends are the registry's devices, or symbols come from two libraries."""
    per_backend = sum(
        lib.ggml_backend_reg_dev_count(lib.ggml_backend_reg_get(index)) for index in range(lib.ggml_backend_reg_count())
    )
    if per_backend != lib.ggml_backend_dev_count():
        raise EngineError(
            said("llama.cpp's device registry contradicts itself."),
            hint=said("Two builds of llama.cpp are mixed: install the engine again with `make setup`."),
        )


def _device(lib: Any, handle: int) -> Device | None:
    props = _Props()
    lib.ggml_backend_dev_get_props(handle, ctypes.byref(props))
    kind = _KINDS.get(props.type)
    if kind is None:  # the processor itself, and accelerators that work on its memory
        return None
    backend = _text(lib.ggml_backend_reg_name(lib.ggml_backend_dev_backend_reg(handle)))
    return Device(
        name=_text(props.name),
        description=_text(props.description),
        backend=backend,
        kind=kind,
        total_bytes=props.memory_total,
        free_bytes=props.memory_free,
        # Metal calls Apple's GPU a GPU, but it has no memory of its own.
        unified=kind is DeviceKind.IGPU or backend in ("Metal", "MTL"),
        device_id=_text(props.device_id) or None,
        # CUDA and Vulkan copy what they compute with; Metal works on the mapped file's own pages.
        maps_files=props.caps.mmap and props.caps.from_host_ptr,
    )


def _text(raw: bytes | None) -> str:
    return raw.decode("utf-8", errors="replace").strip() if raw else ""
