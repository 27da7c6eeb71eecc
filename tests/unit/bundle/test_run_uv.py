"""What uv is told of indexes, and how its failures read."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.run_uv import hint_of, shorten, uv_environment, uv_names_index


def test_the_index_of_pip_is_uvs_too(tmp_path: Path) -> None:
    configured = {
        "index-url": "https://a.example.org/simple",
        "extra-index-url": f"https://b.example.org/simple file://{tmp_path} file:///nonexistent",
        "find-links": str(tmp_path),
    }
    env = uv_environment({}, configured)
    assert env["UV_DEFAULT_INDEX"] == "https://a.example.org/simple"
    assert env["UV_INDEX"] == f"https://b.example.org/simple file://{tmp_path}"
    assert env["UV_FIND_LINKS"] == str(tmp_path)


def test_what_uv_is_told_directly_wins() -> None:
    env = uv_environment(
        {"UV_INDEX_URL": "https://mine.example.org"}, {"index-url": "https://other"}
    )
    assert env == {"UV_INDEX_URL": "https://mine.example.org"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("uv.toml", '[[index]]\nurl = "https://e.org"\n', True),
        ("uv.toml", 'index-url = "https://e.org"\n', True),
        ("uv.toml", "offline = true\n", False),
        ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://e.org"\n', True),
        ("pyproject.toml", "[tool.poetry]\nindex = 1\n", False),
        ("pyproject.toml", "[project]\nname = 'x'\n", False),
    ],
)
def test_uvs_own_settings_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("UV_CONFIG_FILE", raising=False)
    (tmp_path / name).write_text(text)
    assert uv_names_index(tmp_path) is expected


def test_passwords_in_urls_are_not_shown() -> None:
    assert shorten("error: https://ann:secret@e.org/simple failed") == (
        "  error: https://***@e.org/simple failed"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hash mismatch for x", "not the locked one"),
        ("x has no wheels with a matching Python ABI tag", "--platform"),
        ("Distribution not found at: file:///x", "committed"),
        ("Failed to build `x==1`", "install what its build needs"),
        ("error: dns error", "cannot be reached"),
        ("something else", ""),
    ],
)
def test_says_what_to_do(text: str, words: str) -> None:
    assert words in hint_of(text)
