"""Secrets by reference: resolved from the environment and from files, never shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from snapplan.config import secrets
from snapplan.config.secrets import SecretError, resolve
from snapplan.models.policy import Model
from snapplan.models.values import SecretReference

if TYPE_CHECKING:
    from pathlib import Path


class Options(Model):
    token: SecretReference


def test_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DC1_TOKEN", "hunter2\n")
    assert resolve("${env:DC1_TOKEN}", tmp_path) == "hunter2\n"


def test_from_a_file_relative_to_the_policy(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"hunter2\r\n")
    assert resolve("${file:token}", tmp_path) == "hunter2"
    (tmp_path / "token").write_bytes(b" two lines\n of it\n\n")
    assert resolve("${file:./token}", tmp_path) == " two lines\n of it\n"


def test_from_an_absolute_file_and_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("hunter2")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("${file:~/token}", tmp_path / "elsewhere") == "hunter2"
    assert resolve(f"${{file:{tmp_path}/token}}", tmp_path / "elsewhere") == "hunter2"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("${env:MISSING}", "the environment variable MISSING is not set"),
        ("${env:EMPTY}", "the environment variable EMPTY is empty"),
        ("${file:missing}", "the secret file missing does not exist"),
        ("${file:empty}", "the secret file empty is empty"),
        ("${file:folder}", "the secret file folder is not a file"),
        ("${file:pipe}", "the secret file pipe is not a file"),
        ("${file:binary}", "the secret file binary is not UTF-8 text"),
        ("${file:large}", "the secret file large is larger than 64 KiB"),
        ("${file:~nobody-of-that-name/x}", "the secret file ~nobody-of-that-name/x cannot be read: no home folder"),
        ("${file:empty/x}", "the secret file empty/x does not exist"),
    ],
)
def test_says_what_is_wrong(reference: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSING", raising=False)
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * (secrets.MAX_SECRET_BYTES + 1))
    with pytest.raises(SecretError) as caught:
        resolve(reference, tmp_path)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "text", ["hunter2", "${env:}", "${env:A B}", "x${env:A}", "${env:A}x", "${cmd:id}", "", "${env:A}\n"]
)
def test_only_whole_references_are_taken(text: str, tmp_path: Path) -> None:
    with pytest.raises(SecretError):
        resolve(text, tmp_path)
    with pytest.raises(ValidationError):
        Options(token=text)  # type: ignore[arg-type]


@pytest.mark.parametrize("reference", ["${env:DC1_TOKEN}", "${file:/run/secrets/dc 1}"])
def test_a_reference_survives_the_model(reference: str) -> None:
    options = Options.model_validate({"token": reference})
    assert options.token.get_secret_value() == reference
    assert reference not in repr(options)


def test_a_literal_is_refused_without_being_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate({"token": "hunter2"})
    assert "hunter2" not in str(caught.value.errors(include_input=False))
    assert "by reference" in str(caught.value)
