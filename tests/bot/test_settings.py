"""Each wrong setting is a sentence that names it and shows no token."""

from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.settings import Settings, SettingsError, TransportName, read_settings

TOKEN = "123456789:AAHsesameAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` and no environment of the machine's own."""
    import os

    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ALLCLEAR_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", "sesame"),
        ("tokens", f"{TOKEN},sesame"),
        ("tokens", f"{TOKEN} {TOKEN}"),
        ("tokens", TOKEN + "!"),
        ("api_url", "sesame"),
        ("api_url", "ftp://sesame"),
        ("api_url", "http://["),
        ("join_url", ""),
        ("public_url", "http://sesame.example"),
        ("public_url", "sesame"),
        ("web_port", "sesame"),
        ("web_port", "70000"),
        ("web_port", "-1"),
        ("bulk_rate", "0"),
        ("bulk_rate", "5000"),
        ("bulk_rate", "fast"),
        ("transport", "pigeon"),
        ("log_format", "sesame"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"ALLCLEAR_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    said = str(caught.value)
    assert said.startswith(f"ALLCLEAR_{name.upper()}: ")
    assert said.endswith(".")
    assert "\n" not in said
    assert "sesame" not in said
    assert caught.value.__cause__ is None


def test_a_library_that_is_not_known_is_answered_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALLCLEAR_TRANSPORT", "telethon")
    with pytest.raises(SettingsError, match=r"ALLCLEAR_TRANSPORT: .* 'aiogram' or 'ptb'\."):
        read_settings()
    monkeypatch.setenv("ALLCLEAR_TRANSPORT", "ptb")
    assert read_settings().transport is TransportName.ptb


def test_several_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLCLEAR_WEB_PORT", "x")
    monkeypatch.setenv("ALLCLEAR_BULK_RATE", "x")
    with pytest.raises(SettingsError, match=r"ALLCLEAR_WEB_PORT: .*\nALLCLEAR_BULK_RATE: "):
        read_settings()


def test_tokens_may_be_parted_by_commas_spaces_or_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    other = TOKEN.replace("123456789", "987654321")
    monkeypatch.setenv("ALLCLEAR_TOKENS", f" {TOKEN},\n{other} ")
    assert read_settings().secret_tokens == (TOKEN, other)


def test_settings_shown_show_no_token() -> None:
    settings = read_settings(tokens=TOKEN)
    assert "sesame" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_without_a_token_the_sentence_says_where_to_get_one(tmp_path: Path) -> None:
    settings = read_settings(key_file=tmp_path / "keys")
    with pytest.raises(SettingsError, match=r"ALLCLEAR_TOKENS is missing.*@BotFather.*make demo"):
        App(settings)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    ("url", "ok"),
    [
        ("", True),
        ("https://school.example/", True),
        ("http://127.0.0.1:8080", True),
        ("http://school.example", False),
    ],
)
def test_the_address_for_a_webhook_is_https(url: str, ok: bool) -> None:
    values: dict[str, Any] = {"public_url": url}
    if ok:
        assert not read_settings(**values).public_url.endswith("/")
    else:
        with pytest.raises(SettingsError):
            read_settings(**values)


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
