"""The starter models as the package wheels that an interrupted download would have left: the walk needs no network."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from tests.models import test_models
from workbench.hub.starter import STARTERS


def lay_out(folder: Path) -> None:
    """Write every wheel of the starters into ``folder``, made of the models that are on this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    models = test_models().smollm2.parent
    for starter in STARTERS:
        with (models / starter.file_name).open("rb") as model:
            for wheel in starter.wheels:
                stem = re.sub(r"[-_.]+", "_", wheel.package)
                path = folder / f"{stem}-{wheel.version}-py3-none-any.whl"
                with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                    archive.writestr(wheel.member, model.read(wheel.size_bytes))
