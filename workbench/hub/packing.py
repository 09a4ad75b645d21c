"""Packs of one data folder: made from its library, checked against its accepted keys, installed into it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.hub import catalogue, consent
from workbench.hub.library import Held, Library
from workbench.hub.packs import install, verify
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.destination import Destination
from workbench.hub.packs.install import Installed
from workbench.hub.packs.manifest import PackedModel
from workbench.hub.packs.progress import PackProgress
from workbench.hub.packs.signing import PublicKey, SecretKey
from workbench.hub.packs.trust import TrustedKeys
from workbench.hub.packs.verify import Listed, Verified
from workbench.hub.packs.writing import PART_BYTES
from workbench.hub.terms import Terms
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.store.database import Database

if TYPE_CHECKING:
    from workbench.hub.catalogue import Catalogue
    from workbench.hub.downloads import Downloads
    from workbench.hub.gate import Texts
    from workbench.hub.packs.create import Created, Form


class Packing:
    """``trusted`` are the keys whose packs are accepted.  ``catalogue`` gives the one in force, ``changed`` is told
    when a pack may have brought another."""

    def __init__(
        self,
        db: Database,
        destination: Destination,
        library: Library,
        downloads: Downloads,
        texts: Texts,
        catalogue: Callable[[], Catalogue],
        changed: Callable[[], object],
    ) -> None:
        self._db = db
        self._destination = destination
        self._library = library
        self._downloads = downloads
        self._texts = texts
        self._catalogue = catalogue
        self._changed = changed
        self.trusted = TrustedKeys(destination.packs / "trusted.txt")

    def create(
        self,
        name: str,
        models: Sequence[ModelFile],
        target: Path,
        *,
        signer: SecretKey | None,
        form: Form = "zip",
        part_bytes: int | None = None,
        extras: Sequence[Extra] = (),
        settings: Mapping[str, object] | None = None,
    ) -> Task[PackProgress, Created]:
        """Models of the library with their projectors, licences and catalogue entries, and the extras.

        Raises what ``packs.create.create`` raises.
        """

        def task(cancel: CancelToken) -> Generator[PackProgress, None, Created]:
            cancel.raise_if_cancelled()
            # Imported late: bills of materials come with a large library.
            from workbench.hub.packs import create

            held = {one.file.path: one for one in self._library.listing().held}
            content = tuple(self._content(model, held.get(model.path)) for model in models)
            contents = Contents(name, content, (*self._entries(content), *extras), settings or {})
            making = create.create(contents, target, form=form, signer=signer, part_bytes=part_bytes or PART_BYTES)
            return (yield from making(cancel))

        return task

    def listing(self, path: Path) -> Task[PackProgress, Listed]:
        """What is in a pack, without reading the models.  Raises PackError and PackSignatureError."""

        def task(cancel: CancelToken) -> Generator[PackProgress, None, Listed]:
            cancel.raise_if_cancelled()
            yield from ()  # too short for any
            return verify.listing(path, trusted=self.trusted.all())

        return task

    def verify(
        self, path: Path, *, require_signature: bool = True, also: Sequence[PublicKey] = ()
    ) -> Task[PackProgress, Verified]:
        """Every byte of a pack, and the signature by an accepted key, or one that counts for this time (``also``).

        Raises PackError, PackSignatureError.
        """
        return verify.verify(
            path,
            trusted=(*self.trusted.all(), *also),
            require_signature=require_signature,
            checks={"catalogue": lambda name, data: catalogue.read(data, name)},
        )

    def unagreed(self, verified: Verified) -> tuple[PackedModel, ...]:
        """The models whose licence has to be agreed to before the pack is installed."""
        return install.unagreed(verified, self._db)

    def install(
        self, verified: Verified, *, agreed: Collection[str] = (), allow_older: bool = False
    ) -> Task[PackProgress, Installed]:
        """``agreed`` are the licences that the user said yes to just now.  Raises what ``packs.install`` raises."""

        def task(cancel: CancelToken) -> Generator[PackProgress, None, Installed]:
            installing = install.install(
                verified, self._destination, self._library, self._db, agreed=agreed, allow_older=allow_older
            )
            installed = yield from installing(cancel)
            self._changed()
            return installed

        return task

    def _content(self, model: ModelFile, held: Held | None) -> ModelContent:
        origin = self._came_from(model)
        carried = model.licence
        texts: list[Text] = []
        if origin is not None:
            carried = next((one.licence for one in consent.every(self._db) if _is_of(one, origin)), carried)
            kept = self._texts.text(*origin)
            texts += [Text(f"LICENSE-{origin[0].replace('/', '-')}.txt", kept.encode())] if kept else []
        terms = Terms.of(carried)
        if not texts and terms.text is not None:
            texts.append(Text(f"{terms.id}.txt", terms.text.encode()))
        if held is not None:
            texts += [Text(path.name, path.read_bytes()) for path in held.licences if path.is_file()]
        return ModelContent(
            file=dataclasses.replace(model, origin=None),
            companions=tuple(one.path for one in held.companions) if held is not None else (),
            licence=carried,
            licence_texts=tuple(texts),
            repository=origin[0] if origin else None,
            commit=origin[1] if origin else None,
        )

    def _came_from(self, model: ModelFile) -> tuple[str, str] | None:
        """Repository and commit of a model that was downloaded here."""
        promise = self._downloads.promised().get(model.path)
        return (promise.repository, promise.commit) if promise is not None else None

    def _entries(self, content: Sequence[ModelContent]) -> tuple[Extra, ...]:
        known = self._catalogue()
        names = (one.repository for one in content if one.repository is not None)
        found = {entry.id: entry for name in names if (entry := known.for_repository(name)) is not None}
        if not found:
            return ()
        written = catalogue.write(
            list(found.values()), title="Models of a pack", dated=datetime.datetime.now(datetime.UTC).date()
        )
        return (Extra("catalogue", "models.json", written),)


def _is_of(agreement: consent.Consent, origin: tuple[str, str]) -> bool:
    return (agreement.repository.lower(), agreement.revision) == (origin[0].lower(), origin[1])
