"""Where files live on each system; the only module that knows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "workbench"
DATA_DIR_VARIABLE = "WORKBENCH_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Paths:
    """Every folder and file the program writes, all below one folder when that folder is named."""

    data: Path
    config: Path
    cache: Path
    logs: Path

    @property
    def database(self) -> Path:
        return self.data / "workbench.sqlite3"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def opening(self) -> Path:
        """Marks of models that are being opened, for the next start to find."""
        return self.data / "opening"

    @property
    def settings(self) -> Path:
        return self.config / "settings.toml"

    @property
    def window(self) -> Path:
        return self.config / "window.ini"

    @property
    def prompt_cache(self) -> Path:
        """States of long prompts, with their tokens in the clear; no pack holds any of it."""
        return self.cache / "prompt-cache"

    @property
    def starter_wheels(self) -> Path:
        return self.cache / "starter"

    @property
    def log(self) -> Path:
        return self.logs / "workbench.log"


def resolve(data_dir: Path | None = None) -> Paths:
    """The folders in use: those below ``data_dir`` or ``$WORKBENCH_DATA_DIR``, else the system's own."""
    named = data_dir or (Path(value) if (value := os.environ.get(DATA_DIR_VARIABLE)) else None)
    if named is not None:
        root = named.expanduser().absolute()
        return Paths(data=root, config=root, cache=root / "cache", logs=root / "logs")
    return Paths(
        data=platformdirs.user_data_path(APP, appauthor=False),
        config=platformdirs.user_config_path(APP, appauthor=False),
        cache=platformdirs.user_cache_path(APP, appauthor=False),
        logs=platformdirs.user_log_path(APP, appauthor=False),
    )


def resources() -> Path:
    """The folder of shipped resources: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"
