"""Ollama's models: manifests by name, which list blobs by the SHA-256 of their bytes.

The folder is OLLAMA_MODELS, else ``~/.ollama/models`` on every system; the Linux service has a home of its own,
``/usr/share/ollama``.  A manifest lies at ``manifests/HOST/NAMESPACE/MODEL/TAG`` (from 0.40 on at ``manifests-v2/…``,
a link to a blob, possibly a list with one manifest for each engine); the blob of layer ``sha256:HEX`` is
``blobs/sha256-HEX``.  Sources: the ollama/ollama repository, manifest/{manifest,paths}.go, envconfig/config.go and
docs/faq.mdx (2026).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.hub.places.place import Place, PlacedFile, Problem, Program, Surroundings, distinct, problem
from workbench.hub.places.reading import Unreadable, inside, small_object
from workbench.words import said

MAX_MANIFESTS = 10_000

_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-fA-F]{64})")
_LIST = "application/vnd.ollama.manifest.list.v2+json"
_LAYER = "application/vnd.ollama.image."
_PUBLIC = ("registry.ollama.ai", "ollama.com")


def places(around: Surroundings) -> tuple[Place, ...]:
    folders = [around.home / ".ollama" / "models"]
    if (named := around.variable("OLLAMA_MODELS")) is not None:
        folders.insert(0, named)
    if around.system == "linux":
        folders.append(around.root / "usr/share/ollama/.ollama/models")
    return tuple(place(folder) for folder in distinct(folders))


def place(folder: Path) -> Place:
    """One store as it is now, read through its manifests; blobs that none of them lists are left alone."""
    files: list[PlacedFile] = []
    problems: list[Problem] = []
    named: set[str] = set()
    for manifest, called in _manifests(folder, problems):
        if called in named:  # the older layout keeps an entry for programs that know no newer one
            continue
        named.add(called)
        if len(named) > MAX_MANIFESTS:
            problems.append(
                problem(
                    folder,
                    said(
                        "{folder} has more than {max_manifests} manifests.", folder=folder, max_manifests=MAX_MANIFESTS
                    ),
                    said("Remove models in Ollama."),
                )
            )
            break
        try:
            found = _model(manifest, called, folder)
        except _Unusable as error:
            problems.append(problem(manifest, error.message, error.hint))
        else:
            if found is not None:
                files.append(found)
    return Place(Program.OLLAMA, folder, tuple(files), tuple(problems))


class _Unusable(Exception):  # noqa: N818 - becomes a Problem at once
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def _manifests(folder: Path, problems: list[Problem]) -> Iterator[tuple[Path, str]]:
    for layout in ("manifests-v2", "manifests"):
        for host in _entries(folder / layout, problems):
            for namespace in _entries(host, problems):
                for model in _entries(namespace, problems):
                    for tag in _entries(model, problems):
                        if not tag.name.startswith("."):
                            yield tag, _called(host.name, namespace.name, model.name, tag.name)


def _entries(folder: Path, problems: list[Problem]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problems.append(
            problem(
                folder,
                said("Ollama's {folder} cannot be read ({strerror}).", folder=folder, strerror=error.strerror),
                said("Check its permissions."),
            )
        )
        return []


def _called(host: str, namespace: str, model: str, tag: str) -> str:
    """The name as Ollama shows it: "gemma3:270m", "somebody/gemma3:270m", "hf.co/owner/name:Q4_K_M"."""
    host = host.replace("%3A", ":")  # a port; folder names have no colon everywhere
    if host not in _PUBLIC:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"


def _model(manifest: Path, called: str, folder: Path) -> PlacedFile | None:
    """The model of a manifest; None for one that has no weights here, as those Ollama runs elsewhere."""
    if not inside(manifest, folder):
        raise _Unusable(
            said("{called}: its manifest is a link that leads out of Ollama's folder.", called=called), _again(called)
        )
    weights: list[Path] = []
    claims: list[str] = []
    companions: list[Path] = []
    licences: list[Path] = []
    other = False
    for layer in _layers(_read(manifest, called), called, folder):
        kind = str(layer.get("mediaType", ""))
        if kind == f"{_LAYER}model":
            path, sha256 = _blob(layer, called, folder)
            weights.append(path)
            claims.append(sha256)
        elif kind == f"{_LAYER}projector":
            companions.append(_blob(layer, called, folder)[0])
        elif kind == f"{_LAYER}license":
            licences.append(_blob(layer, called, folder)[0])
        other = other or kind == f"{_LAYER}tensor"
    if other and not weights:
        raise _Unusable(
            said("{called} is not kept as a GGUF file.", called=called), said("Pull a GGUF version of the model.")
        )
    if len(weights) > 1:
        raise _Unusable(
            said(
                "{called} is split into {weights_count} parts, which Ollama keeps under names llama.cpp cannot join.",
                called=called,
                weights_count=len(weights),
            ),
            said("Download the model's GGUF files themselves."),
        )
    if not weights:
        return None
    return PlacedFile(
        weights[0],
        called=called,
        stem=re.sub(r"[^\w.-]+", "-", called),
        identity=f"ollama:{called}",
        claimed_sha256=claims[0],
        companions=tuple(companions),
        licences=tuple(licences),
    )


def _read(path: Path, called: str) -> dict[str, Any]:
    try:
        found = small_object(path)
    except Unreadable as error:
        raise _Unusable(
            said("{called}: its manifest cannot be read: {error}.", called=called, error=error), _again(called)
        ) from error
    if found is None:
        raise _Unusable(said("{called}: its manifest is missing.", called=called), _again(called))
    return found


def _layers(manifest: dict[str, Any], called: str, folder: Path) -> list[dict[str, Any]]:
    """The layers of a manifest; of a list, those of the first entry that is of GGUF files."""
    if manifest.get("mediaType") == _LIST:
        entries = manifest.get("manifests")
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or entry.get("mediaType") == _LIST or entry.get("format") == "safetensors":
                continue
            child = _read(_blob(entry, called, folder)[0], called) if "digest" in entry else entry
            layers = _of(child)
            if any(layer.get("mediaType") == f"{_LAYER}model" for layer in layers):
                return layers
        raise _Unusable(
            said("{called} is not kept as a GGUF file.", called=called), said("Pull a GGUF version of the model.")
        )
    return _of(manifest)


def _of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    layers = manifest.get("layers")
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []


def _blob(layer: dict[str, Any], called: str, folder: Path) -> tuple[Path, str]:
    """Where a layer's bytes are, and what they are said to hash to; nothing but a hash is ever made a path."""
    digest = layer.get("digest")
    told = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if told is None:
        raise _Unusable(
            said("{called}: its manifest names something that is no blob of Ollama's.", called=called), _again(called)
        )
    sha256 = told["hex"].lower()
    path = folder / "blobs" / f"sha256-{sha256}"
    if not inside(path, folder):
        raise _Unusable(
            said("{called}: {file} is a link that leads out of Ollama's folder.", called=called, file=path.name),
            _again(called),
        )
    try:
        size_bytes = os.stat(path).st_size  # noqa: PTH116
    except OSError as error:
        raise _Unusable(
            said(
                "{called}: {file} cannot be read ({strerror}).", called=called, file=path.name, strerror=error.strerror
            ),
            _again(called),
        ) from error
    promised = layer.get("size")
    if isinstance(promised, int) and promised != size_bytes:
        raise _Unusable(
            said(
                "{called}: {file} has {size_bytes} bytes instead of {promised}.",
                called=called,
                file=path.name,
                size_bytes=size_bytes,
                promised=promised,
            ),
            _again(called),
        )
    return path, sha256


def _again(called: str) -> str:
    return said("Fetch it again with: ollama pull {called}", called=called)
