"""Every failure a user may meet, as one tree.

    WorkbenchError
    ├── SettingsError
    ├── StoreError ── DatabaseTooNewError
    ├── ModelFileError ── BadGgufError, UnsupportedArchitectureError
    ├── DoesNotFitError
    ├── HubError ── ModelNotFoundError, OfflineError, GatedModelError, ChecksumError, DiskFullError,
    │                CatalogueError, LicenceError, AlreadyHereError
    ├── PackError ── PackSignatureError, PackConsentError, PackOlderError
    └── EngineError ── ModelLoadError (DeviceMemoryError), ContextOverflowError, GenerationError,
                       EngineCrashedError, TemplateError, ProbeError, AdapterError, QuantiseError
    Cancelled          the user's wish; nothing is shown

Anything else that reaches a face is a bug of ours: its traceback goes to the log.
"""

from __future__ import annotations

import re
from typing import ClassVar


class WorkbenchError(Exception):
    """A message fit to show as it is, with a hint at what to do next."""

    code: ClassVar[str] = "workbench"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __init_subclass__(cls) -> None:
        """The code scripts see: the class name in snake case, without its last word."""
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__.removesuffix("Error")).lower()


class UsageError(WorkbenchError):
    """What was asked for cannot be meant: a bad option, an unreadable prompt file."""


class SettingsError(WorkbenchError):
    """A setting has a value it cannot have."""


class StoreError(WorkbenchError):
    """The database cannot be used."""


class DatabaseTooNewError(StoreError):
    """The database was written by a later version of the program."""


class ModelFileError(WorkbenchError):
    """A model file cannot be used."""


class BadGgufError(ModelFileError):
    """The file is not a GGUF, or a damaged or hostile one."""


class UnsupportedArchitectureError(ModelFileError):
    """The engine in this build does not know the model's architecture."""


class DoesNotFitError(WorkbenchError):
    """The model needs more memory than this machine has free."""


class HubError(WorkbenchError):
    """A model could not be fetched or found."""


class ModelNotFoundError(HubError):
    """No file and no model of the library has this name."""


class OfflineError(HubError):
    """The network may not be used, by the user's own choice."""


class GatedModelError(HubError):
    """The publisher asks for an account, or for agreement to a licence, first."""


class ChecksumError(HubError):
    """The bytes are not the bytes that were promised."""


class DiskFullError(HubError):
    """There is not enough room on the disk."""


class CatalogueError(HubError):
    """A catalogue of models has a mistake in it."""


class LicenceError(HubError):
    """The model's licence has to be agreed to first."""


class AlreadyHereError(HubError):
    """The model is on this machine already; nothing needs to be fetched."""


class PackError(WorkbenchError):
    """A pack cannot be made, or is not what it says; nothing of it was installed."""


class PackSignatureError(PackError):
    """Nobody whose key was accepted has signed the pack, or not these bytes."""


class PackConsentError(PackError):
    """A licence in the pack has to be agreed to first."""


class PackOlderError(PackError):
    """A newer pack of the same name and signer was installed before."""


class EngineError(WorkbenchError):
    """The engine could not do what it was asked."""


class ModelLoadError(EngineError):
    """llama.cpp refused the model."""


class DeviceMemoryError(ModelLoadError):
    """A GPU had too little free memory; a placement with less on it may do."""


class ContextOverflowError(EngineError):
    """The prompt is longer than the context."""


class GenerationError(EngineError):
    """The engine failed while it answered."""


class EngineCrashedError(EngineError):
    """The engine ended its process; only a child process was lost."""


class TemplateError(EngineError):
    """The chat template cannot be used."""


class ProbeError(EngineError):
    """llama.cpp could not say what a load would take; the estimate stands."""


class AdapterError(EngineError):
    """The adapter cannot be used with this model."""


class QuantiseError(EngineError):
    """The model cannot be quantised as asked; nothing was written."""


class GrammarError(EngineError):
    """The grammar cannot be used to hold an answer to a form."""


class SchemaError(EngineError):
    """The JSON schema asks for what a grammar cannot promise, or is not a schema."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user's wish
    """The user asked the work to stop."""
