"""Every option declared once: type, default, title, help; flags before environment before file."""

from __future__ import annotations

import contextlib
import os
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.errors import SettingsError
from workbench.options import checked, declared_by, option
from workbench.words import all_of, said

if TYPE_CHECKING:
    from pydantic_core import ValidationError

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


def _a_plain_address(value: str) -> str:
    """Without a slash at its end, and without what does not belong into an address that is shown and logged."""
    from pydantic_core import SchemaValidator, core_schema

    address = SchemaValidator(core_schema.url_schema(allowed_schemes=["http", "https"])).validate_python(value.strip())
    if address.username or address.password or address.query is not None or address.fragment is not None:
        raise ValueError("an address of a hub has no user, question or fragment")
    return str(address).rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options in force.  None means: the program decides."""

    context: int = option(
        4096,
        ge=256,
        le=10_000_000,
        title=said("Context length"),
        description=said("Tokens a pane can remember, prompt included."),
    )
    threads: int | None = option(
        None,
        ge=1,
        le=1024,
        title=said("Threads"),
        description=said("Threads per answer; empty: decided from the physical cores."),
    )
    temperature: float = option(
        0.7,
        ge=0,
        le=5,
        title=said("Temperature"),
        description=said("How freely tokens are drawn; 0 always takes the likeliest."),
    )
    top_k: int = option(
        40, ge=0, title=said("Top-k"), description=said("Draw from this many likeliest tokens; 0: from all.")
    )
    top_p: float = option(
        0.95,
        gt=0,
        le=1,
        title=said("Top-p"),
        description=said("Draw from the likeliest tokens with this much probability together."),
    )
    min_p: float = option(
        0.05,
        ge=0,
        le=1,
        title=said("Min-p"),
        description=said("Leave out tokens less likely than this part of the likeliest one."),
    )
    repetition_penalty: float = option(
        1.0,
        gt=0,
        le=5,
        title=said("Repetition penalty"),
        description=said("Above 1 makes tokens that came lately less likely."),
    )
    max_tokens: int | None = option(
        None,
        ge=1,
        title=said("Longest answer"),
        description=said("Tokens after which an answer ends; empty: when the context is full."),
    )
    theme: Theme = option("system", title=said("Theme"), description=said("Light, dark, or as the system has it."))
    text_scale: float = option(
        1.0, ge=0.8, le=2.0, title=said("Text size"), description=said("1 is the system's own size.")
    )
    reading_width: int = option(
        90,
        ge=0,
        le=1000,
        title=said("Line length"),
        description=said("The most characters in a line of an answer; 0: as many as there is room for."),
    )
    reduced_motion: bool = option(
        False,
        title=said("Reduced motion"),
        description=said("Bars without a known end stand still, and no cursor blinks."),
    )
    announcements: Announcements = option(
        "ends",
        title=said("Screen reader"),
        description=said(
            "What is told of running answers. Ends: when they begin, end or fail. All: their sentences too."
        ),
    )
    rater: str = option(
        "",
        max_length=60,
        title=said("Rater"),
        description=said("Who judges here: the name goes with each vote. Empty: one person, without a name."),
    )
    run_mode: RunMode = option(
        "auto",
        title=said("Several models"),
        description=said("Answer together, in turn, or load one model at a time (swap); auto goes by the free memory."),
    )
    engine: EngineName = option(
        "llama",
        title=said("Engine"),
        description=said("llama.cpp in this process, or a scripted stand-in without a model (fake)."),
    )
    isolation: Isolation = option(
        "none",
        title=said("Isolation"),
        description=said("Run models in this process, or each in a process of its own (process)."),
    )
    sampling_mode: SamplingMode = option(
        "same",
        title=said("Sampling"),
        description=said("Every model sampled the same, or each as its vendor recommends (vendor)."),
    )
    context_policy: ContextPolicy = option(
        "refuse",
        title=said("Prompt too long"),
        description=said("Refuse it, drop the oldest messages, or drop those in the middle (middle_out)."),
    )
    prompt_cache_gb: float = option(
        0.0,
        ge=0,
        le=1000,
        title=said("Prompt cache"),
        description=said("Disk that long prompts may use, in GB, so that they are read once only; 0: none."),
    )
    log_level: LogLevel = option(
        "info", title=said("Log level"), description=said("How much is written to the log file.")
    )
    offline: bool = option(
        False,
        title=said("Offline"),
        description=said("Never use the network: models come from this machine and what was kept."),
    )
    hub_endpoint: str = option(
        "https://huggingface.co",
        made_of=_a_plain_address,
        title=said("Model hub"),
        description=said("Address of the hub that models come from: Hugging Face, or a mirror that answers like it."),
    )
    download_mb_per_s: float | None = option(
        None,
        ge=0.1,
        le=100_000,
        title=said("Download speed"),
        description=said("The most that all downloads together may take, in MB a second; empty: everything."),
    )
    download_connections: int = option(
        3,
        ge=1,
        le=16,
        title=said("Connections"),
        description=said("How many parts of one file are fetched at the same time."),
    )
    other_programs: bool = option(
        True,
        title=said("Models of other programs"),
        description=said(
            "List what LM Studio, Jan, GPT4All, Ollama and others keep on this machine; it is only ever read."
        ),
    )


OPTIONS = declared_by(Settings)


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
            said("The settings could not be saved to {path} ({strerror}).", path=path, strerror=error.strerror),
            hint=said("Check the permissions of the folder and the space on the disk."),
        ) from error


def allowed(name: str) -> str:
    """What an option may be, in words: "a whole number, at least 256"."""
    declared = OPTIONS[name]
    kinds = declared.kinds
    if declared.is_choice:
        return said("one of {kinds}", kinds=", ".join(str(kind) for kind in kinds))
    if bool in kinds:
        return said("true or false")
    if str in kinds:
        if declared.max_length is not None:
            return said("at most {n} characters", n=declared.max_length)
        return said("an address that begins with https:// or http://")
    words = {"ge": said("at least {n}"), "gt": said("more than {n}"), "le": said("at most {n}")}
    bounds = [said(words[key], n=f"{bound:,}".replace(",", " ")) for key, bound in declared.bounds.items()]
    number = said("a whole number") if int in kinds else said("a number")
    return said("{number}, {bounds}", number=number, bounds=all_of(bounds)) if bounds else number


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
        raise _bad_toml(path, said("it is not UTF-8 text")) from error
    except OSError as error:
        raise SettingsError(
            said("The settings file {path} cannot be read ({strerror}).", path=path, strerror=error.strerror),
            hint=said("Check its permissions, or move it away to start with the defaults."),
        ) from error


def _validated(
    path: Path, stored: Mapping[str, object], flags: Mapping[str, object], *, environment: bool = True
) -> Settings:
    values = {**_borrowed(), **stored, **_of_environment(), **flags} if environment else {**stored, **flags}
    if not values:
        return Settings()
    from pydantic_core import ValidationError

    try:
        return Settings(**checked(OPTIONS, values))
    except ValidationError as error:
        raise _refusal(path, error, stored, flags, environment=environment) from error


def _of_environment() -> dict[str, str]:
    """What the environment says, in capitals or not; an empty variable says nothing."""
    said = {name.upper(): value for name, value in os.environ.items() if value}
    variables = {name: ENV_PREFIX + name.upper() for name in OPTIONS}
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
        place = said("The environment variable {variable}", variable=variable)
    elif name in BORROWED and name not in stored:
        place = said("The environment variable {variable}", variable=BORROWED[name])
    else:
        place = str(path)
    if name not in OPTIONS:
        why = said("{place}: there is no option “{name}”.", place=place, name=name)
        return SettingsError(why, hint=_did_you_mean(name))
    return SettingsError(
        said("{place}: {name} cannot be {detail!r}.", place=place, name=name, detail=detail["input"]),
        hint=said("It has to be {allowed}.", allowed=allowed(name)),
    )


def _refuse_unknown(path: Path, values: Mapping[str, object]) -> None:
    for name in values:
        if name not in OPTIONS:
            why = said("{place}: there is no option “{name}”.", place=path, name=name)
            raise SettingsError(why, hint=_did_you_mean(name))


def _did_you_mean(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, OPTIONS, n=1)
    if near:
        return said("Did you mean “{near}”?", near=near[0])
    return said("The options are {options}.", options=", ".join(OPTIONS))


def _bad_toml(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        said("The settings file {path} is not valid TOML: {reason}.", path=path, reason=reason),
        hint=said("Correct it, or move it away to start with the defaults; it was left as it is."),
    )


def _write_atomic(path: Path, text: str) -> None:
    import tempfile

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
