"""Looking after the library: verifying, removing and moving models, and where other programs keep theirs."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import ModelNotFoundError
from workbench.hub.rooms import Rooms
from workbench.jobs import CancelToken, Task
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.library import Held
    from workbench.hub.moving import Moved, MovePlan, Moving
    from workbench.hub.places.place import Place
    from workbench.hub.places.watching import Changed, Watching
    from workbench.hub.setting_aside import SetAside
    from workbench.hub.upkeep import Removal, Verified, Verifying
    from workbench.models.file import ModelFile


class Care(Rooms):
    """The part of ``Supply`` that needs no network."""

    def held(self, model: ModelFile) -> Held:
        """Who keeps a model of the library, and where else it lies.  Raises ModelNotFoundError."""
        for held in self.library.listing().held:
            if held.file.path == model.path or model.path in held.file.files:
                return held
        raise ModelNotFoundError(
            said("{model} is not in the library any more.", model=model.name), hint=said("List the library again.")
        )

    def verify(self, model: ModelFile) -> Task[Verifying, Verified]:
        """Read every byte and compare it with what is known of it.  Raises ModelNotFoundError, ModelFileError."""
        from workbench.hub import upkeep

        held = self.held(model)
        digests = self.library.digests
        known = upkeep.expectations(
            held, digests, promised=self.downloads.promised(), placed=self.library.owned.placed()
        )
        return upkeep.verify(held.file.files, digests, known)

    def removal(self, model: ModelFile) -> Removal:
        """What removing a model would delete and free, its projectors with it.  Raises ModelFileError for what is
        not this program's own, or is open."""
        from workbench.hub import upkeep

        held = self.held(model)
        return upkeep.removal(held, self.library.owned, in_use=self._sources.in_use, also=self._own_companions(held))

    def remove(self, plan: Removal) -> None:
        """Carry it out.  Raises ModelFileError."""
        from workbench.hub import upkeep

        upkeep.remove(plan, self.db, self.library.owned)
        self.downloads.forget(plan.paths)

    def set_aside(self, plan: Removal) -> SetAside:
        """Carry it out so that ``put_back`` can undo it, until ``delete`` is called.  Raises ModelFileError."""
        from workbench.hub import setting_aside

        return setting_aside.set_aside(plan, self.db, self.library.owned)

    def put_back(self, aside: SetAside) -> None:
        """Raises ModelFileError where it is too late."""
        from workbench.hub import setting_aside

        setting_aside.put_back(aside, self.db)

    def delete(self, aside: SetAside) -> None:
        """The last step of a removal.  Raises ModelFileError."""
        from workbench.hub import setting_aside

        setting_aside.delete(aside, self.db)
        self.downloads.forget(aside.plan.paths)

    def move_plan(self, model: ModelFile, folder: Path) -> MovePlan:
        """What ``move`` would do.  Raises what it refuses before it begins."""
        from workbench.hub import moving

        held = self.held(model)
        return moving.plan(held, folder, self.library, in_use=self._sources.in_use, also=self._own_companions(held))

    def move(self, model: ModelFile, folder: Path) -> Task[Moving, Moved]:
        """Move a model of our own to another folder or disk.  Raises what ``moving.move_to`` does."""
        from workbench.hub import moving

        held = self.held(model)
        also = self._own_companions(held)
        return moving.move_to(held, folder, self.library, self.db, in_use=self._sources.in_use, also=also)

    def places(self) -> tuple[Place, ...]:
        """What other programs keep on this machine."""
        return self._places()

    def look_at_places_again(self) -> None:
        """The next look asks the disk itself, whatever is remembered and whether a watch told of a change or not."""
        self._places.forget()

    def watch(self) -> Task[Watching | Changed, None]:
        """Tells when the library has to be listed again, until it is cancelled.  Folders that are added later, and
        programs that are installed later, are watched after half a minute; at once where this is started anew."""

        def task(cancel: CancelToken) -> Generator[Watching | Changed, None, None]:
            yield from self._places.watch(lambda: (self.library.owned.folder, *self.library.folders()))(cancel)

        return task

    def _own_companions(self, held: Held) -> tuple[Path, ...]:
        """Those that no other model has."""
        others = {
            companion.path
            for other in self.library.listing().held
            if other.file.path != held.file.path
            for companion in other.companions
        }
        own = (companion.path for companion in held.companions if self.library.owned.owns(companion.path))
        return tuple(path for path in own if path not in others)
