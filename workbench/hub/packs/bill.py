"""The bill of materials of a pack, as CycloneDX 1.6 in JSON."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6

from workbench.hub.packs.manifest import PackedModel, PackEntry

_NAMESPACE = uuid.UUID("7f1c7d0e-52b1-5e0c-9f0a-6a5d1f3c8e21")
_PREFIX = "inference-workbench:"


def written(
    name: str, created_at: datetime, program: str, models: Sequence[PackedModel], entries: Sequence[PackEntry]
) -> bytes:
    """The same bytes for the same pack.  Models are machine-learning-model components, with the files they are
    made of below them where there are several; licences are as their authors declare them."""
    by_path = {entry.path: entry for entry in entries}
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, "\n".join(f"{entry.sha256} {entry.path}" for entry in entries)))
    bom.metadata.timestamp = created_at
    title, _, version = program.partition(" ")
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name=title, version=version or None))
    root = Component(type=ComponentType.DATA, name=name, bom_ref="pack")
    bom.metadata.component = root
    in_models = {path for model in models for path in (*model.files, *model.companions)}
    components = [_model(model, by_path) for model in models]
    components += [_file(entry, f"file:{entry.path}") for entry in entries if entry.path not in in_models]
    for component in components:
        bom.components.add(component)
    bom.register_dependency(root, components)
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _model(model: PackedModel, by_path: dict[str, PackEntry]) -> Component:
    paths = (*model.files, *model.companions)
    first = by_path[model.files[0]]
    whole = len(paths) == 1
    facts = {
        "architecture": model.architecture,
        "family": model.family,
        "quantisation": model.quantisation,
        "parameters": str(model.parameter_count),
        "synthetic": str(model.synthetic).lower(),
    }
    facts |= {"path": first.path, "size": str(first.size_bytes)} if whole else {}
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=model.title or model.name,
        version=model.commit or model.quantisation,
        bom_ref=f"model:{first.path}",
        hashes=[_hash(first)] if whole else None,
        licenses=[_licence(model.licence)] if model.licence else None,
        external_references=_references(model),
        properties=[Property(name=_PREFIX + key, value=value) for key, value in facts.items()],
        components=None if whole else [_file(by_path[path], f"file:{path}@{first.path}") for path in paths],
    )


def _file(entry: PackEntry, reference: str) -> Component:
    facts = {"kind": entry.kind, "size": str(entry.size_bytes)}
    return Component(
        type=ComponentType.FILE,
        name=entry.path,
        bom_ref=reference,
        hashes=[_hash(entry)],
        properties=[Property(name=_PREFIX + key, value=value) for key, value in facts.items()],
    )


def _hash(entry: PackEntry) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=entry.sha256)


def _licence(text: str) -> License:
    return LicenseFactory().make_from_string(text, license_acknowledgement=LicenseAcknowledgement.DECLARED)


def _references(model: PackedModel) -> list[ExternalReference] | None:
    if model.repository is None:
        return None
    # Not a link: which hub the sender's copy came from is not known here.
    return [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"urn:huggingface:{model.repository}"),
            comment="repository",
        )
    ]
