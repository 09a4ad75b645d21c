"""Every option declared once: type, default, title, help; flags before environment before file."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from workbench.errors import SettingsError

ENV_PREFIX = "WORKBENCH_"

# Variables of other programs that stand in for an option nobody set: the hub's own tools read them too.
BORROWED = {"hub_endpoint": "HF_ENDPOINT", "offline": "HF_HUB_OFFLINE"}

Theme = Literal["system", "light", "dark"]
EngineName = Literal["llama", "fake"]
RunMode = Literal["auto", "together", "in_turn", "swap"]
Isolation = Literal["none", "process"]
SamplingMode = Literal["same", "vendor"]
ContextPolicy = Literal["refuse", "drop_oldest", "middle_out"]
Announcements = Literal["off", "ends", "all"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseModel):
    """The options in force.  None means: the program decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: int = Field(
        4096, ge=256, le=10_000_000, title="Context length", description="Tokens a pane can remember, prompt included."
    )
    threads: int | None = Field(
        None, ge=1, le=1024, title="Threads", description="Threads per answer; empty: decided from the physical cores."
    )
    temperature: float = Field(
        0.7, ge=0, le=5, title="Temperature", description="How freely tokens are drawn; 0 always takes the likeliest."
    )
    top_k: int = Field(40, ge=0, title="Top-k", description="Draw from this many likeliest tokens; 0: from all.")
    top_p: float = Field(
        0.95,
        gt=0,
        le=1,
        title="Top-p",
        description="Draw from the likeliest tokens with this much probability together.",
    )
    min_p: float = Field(
        0.05, ge=0, le=1, title="Min-p", description="Leave out tokens less likely than this part of the likeliest one."
    )
    repetition_penalty: float = Field(
        1.0, gt=0, le=5, title="Repetition penalty", description="Above 1 makes tokens that came lately less likely."
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        title="Longest answer",
        description="Tokens after which an answer ends; empty: when the context is full.",
    )
    theme: Theme = Field("system", title="Theme", description="Light, dark, or as the system has it.")
    text_scale: float = Field(1.0, ge=0.8, le=2.0, title="Text size", description="1 is the system's own size.")
    reading_width: int = Field(
        90,
        ge=0,
        le=1000,
        title="Line length",
        description="The most characters in a line of an answer; 0: as many as there is room for.",
    )
    reduced_motion: bool = Field(
        False, title="Reduced motion", description="Bars without a known end stand still, and no cursor blinks."
    )
    announcements: Announcements = Field(
        "ends",
        title="Screen reader",
        description="What is told of running answers. Ends: when they begin, end or fail. All: their sentences too.",
    )
    run_mode: RunMode = Field(
        "auto",
        title="Several models",
        description="Answer together, in turn, or load one model at a time (swap); auto goes by the free memory.",
    )
    engine: EngineName = Field(
        "llama", title="Engine", description="llama.cpp in this process, or a scripted stand-in without a model (fake)."
    )
    isolation: Isolation = Field(
        "none", title="Isolation", description="Run models in this process, or each in a process of its own (process)."
    )
    sampling_mode: SamplingMode = Field(
        "same", title="Sampling", description="Every model sampled the same, or each as its vendor recommends (vendor)."
    )
    context_policy: ContextPolicy = Field(
        "refuse",
        title="Prompt too long",
        description="Refuse it, drop the oldest messages, or drop those in the middle (middle_out).",
    )
    prompt_cache_gb: float = Field(
        0.0,
        ge=0,
        le=1000,
        title="Prompt cache",
        description="Disk that long prompts may use, in GB, so that they are read once only; 0: none.",
    )
    log_level: LogLevel = Field("info", title="Log level", description="How much is written to the log file.")
    offline: bool = Field(
        False, title="Offline", description="Never use the network: models come from this machine and what was kept."
    )
    hub_endpoint: str = Field(
        "https://huggingface.co",
        title="Model hub",
        description="Address of the hub that models come from: Hugging Face, or a mirror that answers like it.",
    )
    download_mb_per_s: float | None = Field(
        None,
        ge=0.1,
        le=100_000,
        title="Download speed",
        description="The most that all downloads together may take, in MB a second; empty: everything.",
    )
    download_connections: int = Field(
        3, ge=1, le=16, title="Connections", description="How many parts of one file are fetched at the same time."
    )
    other_programs: bool = Field(
        True,
        title="Models of other programs",
        description="List what LM Studio, Jan, GPT4All, Ollama and others keep on this machine; it is only ever read.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("a truth value is no answer here")
        return value

    @field_validator("hub_endpoint")
    @classmethod
    def _a_plain_address(cls, value: str) -> str:
        """Without a slash at its end, and without what does not belong into an address that is shown and logged."""
        address = TypeAdapter(AnyHttpUrl).validate_python(value.strip())
        if address.username or address.password or address.query is not None or address.fragment is not None:
            raise ValueError("an address of a hub has no user, question or fragment")
        return str(address).rstrip("/")


class Watched:
    """Tells whether the settings file is another one than when that was last asked, for the price of one look at its
    name.  Any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # guards _seen
        self._seen = self._now()

    def changed(self) -> bool:
        now = self._now()
        with self._lock:
            before, self._seen = self._seen, now
        return now != before

    def _now(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:  # whoever reads it says what is wrong
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def load(path: Path, **flags: object) -> Settings:
    """The options in force: ``flags`` that are not None, else ``$WORKBENCH_*``, else the file, else the hub's
    own ``$HF_ENDPOINT`` and ``$HF_HUB_OFFLINE``, else defaults.

    A missing file is normal.  Raises SettingsError for anything in it, or in the others, that cannot be meant.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    return _validated(path, _read(path), given)


def save(path: Path, changes: Mapping[str, object]) -> None:
    """Write the changed options into the file, comments and the rest of it kept; None removes an option.

    The file is old or new, never half of each.  Raises SettingsError, also for an invalid file, which is
    never overwritten.
    """
    stored = _read(path)
    _refuse_unknown(path, changes)
    stored.update(changes)
    wanted = {name: value for name, value in stored.items() if value is not None}
    checked = _validated(path, wanted, {}, environment=False)
    import tomlkit  # only writing needs it
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(_text(path))
    except TOMLKitError as error:
        raise _bad_toml(path, str(error)) from error
    for name in changes:
        value = getattr(checked, name)
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
    try:
        _write_atomic(path.resolve(), tomlkit.dumps(document))
    except OSError as error:
        raise SettingsError(
            f"The settings could not be saved to {path} ({error.strerror}).",
            hint="Check the permissions of the folder and the space on the disk.",
        ) from error


def allowed(name: str) -> str:
    """What an option may be, in words: "a whole number, at least 256"."""
    field = Settings.model_fields[name]
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    if all(isinstance(kind, str) for kind in kinds):
        return "one of " + ", ".join(str(kind) for kind in kinds)
    if bool in kinds:
        return "true or false"
    if str in kinds:
        return "an address that begins with https:// or http://"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    bounds = [
        f"{word} {getattr(bound, key):,}".replace(",", " ")
        for bound in field.metadata
        for key, word in words.items()
        if hasattr(bound, key)
    ]
    return ", ".join(["a whole number" if int in kinds else "a number", " and ".join(bounds)])


def _read(path: Path) -> dict[str, object]:
    try:
        values: dict[str, object] = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise _bad_toml(path, str(error)) from error  # its message ends with the line and the column
    _refuse_unknown(path, values)
    return values


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise _bad_toml(path, "it is not UTF-8 text") from error
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error.strerror}).",
            hint="Check its permissions, or move it away to start with the defaults.",
        ) from error


def _validated(
    path: Path, stored: Mapping[str, object], flags: Mapping[str, object], *, environment: bool = True
) -> Settings:
    values = {**_borrowed(), **stored, **_of_environment(), **flags} if environment else {**stored, **flags}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _refusal(path, error, stored, flags, environment=environment) from error


def _of_environment() -> dict[str, str]:
    """What the environment says, in capitals or not; an empty variable says nothing."""
    said = {name.upper(): value for name, value in os.environ.items() if value}
    variables = {name: ENV_PREFIX + name.upper() for name in Settings.model_fields}
    return {name: said[variable] for name, variable in variables.items() if variable in said}


def _borrowed() -> dict[str, object]:
    return {name: value for name, variable in BORROWED.items() if (value := os.environ.get(variable))}


def _refusal(
    path: Path, error: ValidationError, stored: Mapping[str, object], flags: Mapping[str, object], *, environment: bool
) -> SettingsError:
    detail = error.errors(include_url=False)[0]
    name = str(detail["loc"][0])
    variable = ENV_PREFIX + name.upper()
    if name in flags:
        place = f"--{name.replace('_', '-')}"
    elif environment and os.environ.get(variable):
        place = f"The environment variable {variable}"
    elif name in BORROWED and name not in stored:
        place = f"The environment variable {BORROWED[name]}"
    else:
        place = str(path)
    if name not in Settings.model_fields:
        return SettingsError(f"{place}: there is no option “{name}”.", hint=_did_you_mean(name))
    return SettingsError(f"{place}: {name} cannot be {detail['input']!r}.", hint=f"It has to be {allowed(name)}.")


def _refuse_unknown(path: Path, values: Mapping[str, object]) -> None:
    for name in values:
        if name not in Settings.model_fields:
            raise SettingsError(f"{path}: there is no option “{name}”.", hint=_did_you_mean(name))


def _did_you_mean(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"Did you mean “{near[0]}”?" if near else "The options are " + ", ".join(Settings.model_fields) + "."


def _bad_toml(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"The settings file {path} is not valid TOML: {reason}.",
        hint="Correct it, or move it away to start with the defaults; it was left as it is.",
    )


def _write_atomic(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
