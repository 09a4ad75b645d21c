"""Folders as other programs lay them out, with real small models in them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np

from tests.unit.models.gguf_files import write_model

COMMIT = "c" * 40


def model(path: Path, name: str = "Tiny", **more: int | None) -> Path:
    """A model whose header says ``name``, so that two names make two models."""
    return write_model(path, text={"general.name": name}, **more)  # type: ignore[arg-type] # file_type and layers


def write_projector(path: Path, *, width: int | None = 64, name: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    if width is not None:
        writer.add_uint32("clip.vision.projection_dim", width)
    if name is not None:
        writer.add_name(name)
    writer.add_tensor("mm.0.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ollama_blob(store: Path, content: bytes, digest: str | None = None) -> str:
    """Put a blob into the store; its digest, as manifests write it."""
    digest = digest or hashlib.sha256(content).hexdigest()
    path = store / "blobs" / f"sha256-{digest}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"sha256:{digest}"


def ollama_manifest(layers: Sequence[tuple[str, str, int]]) -> dict[str, object]:
    """A manifest of layers, each a kind ("model"), a digest and a size."""
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "", "size": 0},
        "layers": [
            {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest, "size": size}
            for kind, digest, size in layers
        ],
    }


def ollama_model(store: Path, name: str, source: Path, *, projector: Path | None = None) -> Path:
    """Pull ``source`` as HOST/NAMESPACE/MODEL/TAG, and move it into the store; its blob."""
    content = source.read_bytes()
    digest = ollama_blob(store, content)
    layers = [("model", digest, len(content))]
    if projector is not None:
        layers.append(("projector", ollama_blob(store, projector.read_bytes()), projector.stat().st_size))
    for kind, text in (("template", "{{ .Prompt }}"), ("license", "Do as you like."), ("params", '{"stop": []}')):
        layers.append((kind, ollama_blob(store, text.encode()), len(text)))
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(ollama_manifest(layers)))
    source.unlink()
    return store / "blobs" / digest.replace(":", "-")


def cached(cache: Path, repository: str, file: str, source: Path, *, commit: str = COMMIT) -> Path:
    """Put ``source`` into a Hugging Face cache as its client does; the path in the snapshot."""
    folder = cache / ("models--" + repository.replace("/", "--"))
    blob = folder / "blobs" / sha256(source)
    blob.parent.mkdir(parents=True, exist_ok=True)
    source.replace(blob)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    return link(folder / "snapshots" / commit / file, blob)


def link(path: Path, target: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))
    return path


def jan_model(data: Path, name: str, entries: dict[str, str]) -> Path:
    listed = data / "llamacpp" / "models" / name / "model.yml"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{key}: {value}\n" for key, value in entries.items()) + "embedding: false\n")
    return listed


def everything(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is below a folder, and what would show that somebody wrote, copied or touched it."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        target = path.readlink() if path.is_symlink() else None
        found[str(path)] = (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
            target,
        )
    return found
