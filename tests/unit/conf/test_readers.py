"""How texts become values."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from django_deploykit.conf import readers


@pytest.mark.parametrize("text", ["true", "Yes", "ON", "1", " y "])
def test_reads_true(text: str) -> None:
    assert readers.read_bool(text) is True


@pytest.mark.parametrize("text", ["false", "No", "OFF", "0", "f"])
def test_reads_false(text: str) -> None:
    assert readers.read_bool(text) is False


@pytest.mark.parametrize("text", ["Flase", "", "2", "truee"])
def test_refuses_a_typo_in_a_truth_value(text: str) -> None:
    with pytest.raises(ValueError, match="expected true or false"):
        readers.read_bool(text)


@pytest.mark.parametrize("text", ["80a", "8 0", "", "1.0", "0x10"])
def test_refuses_texts_that_are_not_whole_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        readers.read_int(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "x"])
def test_refuses_texts_that_are_not_finite_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        readers.read_float(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("500ms", 0.5),
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1.5h", 5400),
        ("1w", 604800),
    ],
)
def test_reads_durations(text: str, seconds: float) -> None:
    assert readers.read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "m", "5x", "5 minutes", "-5s", "1h 30"])
def test_refuses_texts_that_are_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        readers.read_duration(text)


def test_splits_lists_at_commas_and_lines_and_strips_them() -> None:
    assert readers.read_list(" a, b#c ,,\n d'e ") == ["a", "b#c", "d'e"]


def test_refuses_relative_paths() -> None:
    assert readers.read_path("/srv/x") == Path("/srv/x")
    with pytest.raises(ValueError, match="absolute"):
        readers.read_path("x/y")


@pytest.mark.parametrize("text", ["example.com", "http://", "https://a b/", "https://a:port/"])
def test_refuses_texts_that_are_not_urls(text: str) -> None:
    with pytest.raises(ValueError, match="expected a URL"):
        readers.read_url(text)


def test_a_json_error_has_the_place_but_not_the_text() -> None:
    with pytest.raises(ValueError, match=r"line 1, column 13") as caught:
        readers.read_json('{"a": "hush" x}'.replace("hush", "hus"))
    assert "hus" not in str(caught.value)


@pytest.mark.parametrize("text", ["99999999999d", "9" * 400, "1e9", "9999999999"])
def test_refuses_durations_that_python_cannot_hold(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        readers.read_duration(text * 3)


@pytest.mark.parametrize("text", ["~nobody-of-this-name/x", "/a\0b"])
def test_refuses_paths_that_do_not_exist_anywhere(text: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        readers.read_path(text)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" + "9" * 20_000 + "]"])
def test_refuses_json_that_python_cannot_read(text: str) -> None:
    with pytest.raises(ValueError, match="expected JSON"):
        readers.read_json(text)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("https://example.com", "has a scheme; write only the host"),
        ("https://[example.com", "has a scheme; write only the host"),
        ("example.com:8000", "has a port; write only the host"),
        ("example.com/shop", "has a path; write only the host"),
        ("'example.com'", "has quotes or spaces, which never match; write only the host"),
        ("*", "accepts every Host header"),
        ("exa mple.com", "quotes or spaces"),
        ("-example.com", "is not a host name"),
        ("*.example.com", "is not a host name"),
    ],
)
def test_reports_what_is_wrong_with_a_host(name: str, says: str) -> None:
    assert says in readers.host_problem(name)


@pytest.mark.parametrize(
    "name", ["example.com", ".example.com", "localhost", "127.0.0.1", "[::1]", "x-1.example.com"]
)
def test_accepts_hosts(name: str) -> None:
    assert readers.host_problem(name) == ""


def test_accepts_the_star_in_debug() -> None:
    assert readers.read_hosts("*") == ["*"]
    assert readers.host_problem("*", debug=True) == ""


@pytest.mark.parametrize(
    "key",
    [
        "",
        "secret",
        "django-insecure-" + "a1b2c3" * 10,
        "change-me-in-production",
        "x" * 60,
        "abc" * 20,
        "short",
        "your-secret-key-here",
    ],
)
def test_refuses_keys_that_can_be_guessed(key: str) -> None:
    assert readers.secret_problem(key, signing=True)


def test_accepts_random_keys() -> None:
    import secrets

    for _ in range(200):
        assert readers.secret_problem(secrets.token_urlsafe(50), signing=True) == ""


def test_accepts_a_password_that_contains_a_common_word() -> None:
    assert readers.secret_problem("my-secret-is-7c2f") == ""
    assert readers.secret_problem("changeme") == "is a placeholder"
