"""Settings: where a value comes from, what is refused and how, and saving without harm."""

from __future__ import annotations

import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from workbench.engine.base import Sampling
from workbench.errors import SettingsError
from workbench.settings import BORROWED, OPTIONS, Settings, allowed, load, save


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONS:
        monkeypatch.delenv(f"WORKBENCH_{name.upper()}", raising=False)
    for name in BORROWED.values():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path, **flags: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(file, **flags)
    return caught.value


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    settings = load(file)
    assert (settings.context, settings.threads, settings.temperature) == (4096, None, 0.7)
    assert not file.exists()


def test_the_sampling_defaults_are_the_engines_own() -> None:
    engine, settings = asdict(Sampling()), Settings()
    for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty"):
        assert getattr(settings, name) == engine[name]


def test_a_flag_beats_the_environment_and_that_beats_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(file, "context = 512\n")
    assert load(file).context == 512
    monkeypatch.setenv("WORKBENCH_CONTEXT", "1024")
    assert load(file).context == 1024
    assert load(file, context=2048).context == 2048


def test_a_flag_that_was_not_given_decides_nothing(file: Path) -> None:
    assert load(written(file, "context = 512\n"), context=None).context == 512


def test_an_empty_variable_decides_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CONTEXT", "")
    assert load(file).context == 4096


def test_the_variable_of_the_data_folder_is_no_option(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATA_DIR", "/somewhere")
    assert load(file).context == 4096


def test_the_same_values_are_equal_wherever_they_came_from(file: Path) -> None:
    assert load(written(file, "context = 512\n")) == load(file.with_name("none.toml"), context=512)


def test_every_option_has_a_title_a_help_and_a_range_in_words() -> None:
    for name, field in OPTIONS.items():
        assert field.title, name
        assert field.description, name
        assert not allowed(name).endswith(", "), name
    assert allowed("context").startswith("a whole number, at least 256")
    assert allowed("theme") == "one of system, light, dark"


@pytest.mark.parametrize(
    ("name", "value"),
    [("context", 255), ("threads", 0), ("temperature", -0.1), ("text_scale", 2.1), ("theme", "pink"), ("top_p", 0)],
)
def test_a_refusal_names_the_option_the_value_and_what_is_allowed(file: Path, name: str, value: object) -> None:
    error = refusal(file, **{name: value})
    assert f"--{name.replace('_', '-')}" in error.message
    assert repr(value) in error.message
    assert allowed(name) in (error.hint or "")


@pytest.mark.parametrize("text", ["nan", "inf", "true", '"warm"', "[0.7]"])
def test_what_is_no_number_is_refused_with_the_file_named(file: Path, text: str) -> None:
    error = refusal(written(file, f"temperature = {text}\n"))
    assert error.message.startswith(f"{file}: temperature cannot be")


def test_a_bad_variable_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_TOP_K", "many")
    written(file, "top_k = 5\n")
    assert "WORKBENCH_TOP_K" in refusal(file).message
    assert load(file, top_k=7).top_k == 7


def test_an_unknown_option_is_an_error_with_the_nearest_name(file: Path) -> None:
    error = refusal(written(file, "contxt = 512\n"))
    assert error.message == f"{file}: there is no option “contxt”."
    assert error.hint == "Did you mean “context”?"


@pytest.mark.parametrize(("text", "place"), [("context = \n", "line 1, column 11"), ("a = 1\na = 2\n", "line 2")])
def test_broken_toml_is_named_with_line_and_column(file: Path, text: str, place: str) -> None:
    assert place in refusal(written(file, text)).message


def test_a_file_that_is_not_text_is_named(file: Path) -> None:
    written(file, "").write_bytes(b"context = \xff\xfe")
    assert "not UTF-8" in refusal(file).message


def test_a_folder_in_place_of_the_file_is_named(file: Path) -> None:
    file.mkdir(parents=True)
    assert f"{file} cannot be read" in refusal(file).message


def test_a_byte_order_mark_is_no_harm(file: Path) -> None:
    written(file, "").write_bytes(b"\xef\xbb\xbfcontext = 512\n")
    assert load(file).context == 512


def test_saving_changes_the_options_named_and_keeps_the_rest(file: Path) -> None:
    written(file, "# mine\ncontext = 512 # small\n\n# colours\ntheme = 'light'\n")
    save(file, {"context": 1024})
    assert file.read_text() == "# mine\ncontext = 1024 # small\n\n# colours\ntheme = 'light'\n"


def test_saving_none_removes_an_option(file: Path) -> None:
    written(file, "threads = 4\n")
    save(file, {"threads": None, "max_tokens": None})
    assert file.read_text() == ""


def test_saving_makes_a_private_file_and_leaves_nothing_else(file: Path) -> None:
    save(file, {"theme": "dark", "temperature": 0.2})
    assert load(file) == load(file, theme="dark", temperature=0.2)
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("# kept elsewhere\n")
    file.parent.mkdir()
    file.symlink_to(real)
    save(file, {"context": 512})
    assert file.is_symlink()
    assert real.read_text() == "# kept elsewhere\ncontext = 512\n"


@pytest.mark.parametrize("changes", [{"context": 1}, {"contxt": 512}, {"theme": "pink"}])
def test_a_change_that_cannot_be_meant_is_not_saved(file: Path, changes: dict[str, object]) -> None:
    written(file, "context = 512\n")
    with pytest.raises(SettingsError):
        save(file, changes)
    assert file.read_text() == "context = 512\n"


def test_an_invalid_file_is_never_overwritten(file: Path) -> None:
    written(file, "context = = 512\n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        save(file, {"theme": "dark"})
    assert file.read_text() == "context = = 512\n"


def test_a_variable_is_not_saved_along(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CONTEXT", "1024")
    save(file, {"theme": "dark"})
    assert file.read_text() == 'theme = "dark"\n'


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        save(tmp_path / "file" / "settings.toml", {"theme": "dark"})


def test_the_hub_is_hugging_face_and_the_network_is_used_unless_somebody_says_otherwise(file: Path) -> None:
    assert (load(file).hub_endpoint, load(file).offline) == ("https://huggingface.co", False)
    assert load(written(file, "offline = true\n")).offline
    assert allowed("offline") == "true or false"


def test_the_variables_of_the_hubs_own_tools_decide_last(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (load(file).hub_endpoint, load(file).offline) == ("https://mirror.example", True)
    written(file, 'hub_endpoint = "https://mine.example"\noffline = false\n')
    assert (load(file).hub_endpoint, load(file).offline) == ("https://mine.example", False)
    monkeypatch.setenv("WORKBENCH_HUB_ENDPOINT", "http://127.0.0.1:8080/hub")
    assert load(file).hub_endpoint == "http://127.0.0.1:8080/hub"
    monkeypatch.setenv("WORKBENCH_HUB_ENDPOINT", "")
    assert load(file, hub_endpoint="https://flag.example").hub_endpoint == "https://flag.example"


def test_a_borrowed_variable_is_not_saved_along(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    save(file, {"theme": "dark"})
    assert file.read_text() == 'theme = "dark"\n'


@pytest.mark.parametrize(
    "address",
    ["", "mirror.example", "ftp://x.example", "https://me:word@x.example", "https://x.example/?a=1", "https://"],
)
def test_what_is_no_address_of_a_hub_is_refused(file: Path, address: str) -> None:
    error = refusal(file, hub_endpoint=address)
    assert "--hub-endpoint" in error.message
    assert "https://" in (error.hint or "")


def test_a_bad_borrowed_variable_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "nowhere")
    assert refusal(file).message.startswith("The environment variable HF_ENDPOINT")
