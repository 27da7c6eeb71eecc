"""Config: problems are collected, and reported at the end of the settings."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from django_deploykit.conf import ConfigError
from django_deploykit.conf.__main__ import compare
from tests.unit.conf.configs import KEY, SETTINGS, make, run_settings


def test_reads_a_name_with_the_prefix_where_the_sample_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django_deploykit.conf.config._configs", [])
    text = "[shop]\ncurrency = GBP\n"
    config = make(tmp_path, text)
    assert config.str("SHOP_CURRENCY", default="EUR") == "GBP"
    written = next(one for one in config.declarations if one.env == "SHOP_CURRENCY")
    assert f"[{written.section}]\n{written.option} = GBP\n" == text
    path = tmp_path / "etc" / "shop.ini"
    assert compare(path, config.declarations) == ([], [])


def test_reports_all_problems_with_their_places(tmp_path: Path) -> None:
    config = make(tmp_path, "[django]\ndebug = Flase\n\n[web]\nport = 80a\n", TIMEOUT="5x")
    for read in (
        lambda: config.bool("DEBUG"),
        lambda: config.int("WEB_PORT"),
        lambda: config.duration("TIMEOUT"),
        lambda: config.str("MISSING_ONE"),
    ):
        with pytest.raises(ConfigError):
            read()
    text = "\n".join(config.problems)
    assert f"{tmp_path}/etc/shop.ini:2 [django] debug: expected true or false" in text
    assert "shop.ini:5 [web] port: expected a whole number" in text
    assert "TIMEOUT: expected a duration" in text
    assert "MISSING_ONE is not set" in text
    assert "[missing] one in" in text


def test_errors_hide_secrets(tmp_path: Path) -> None:
    config = make(
        tmp_path, SECRET_KEY="hunter2hunter2", DATABASE_URL="postgress://ann:hunter2@db/x"
    )
    with pytest.raises(ConfigError) as first:
        config.secret("SECRET_KEY")
    with pytest.raises(ConfigError) as second:
        config.database()
    assert "hunter2" not in str(first.value) + str(second.value) + repr(config) + repr(
        config.sources
    )


def test_reprs_hide_secrets(tmp_path: Path) -> None:
    value = make(tmp_path, API_TOKEN="7c2f-long-token").secret("API_TOKEN")
    assert value == "7c2f-long-token"
    assert "7c2f" not in repr(value) + repr({"API_TOKEN": value})


@pytest.mark.parametrize("key", ["django-insecure-" + "a" * 40, "change-me", "secret"])
def test_refuses_placeholder_keys_outside_debug(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY"):
        make(tmp_path, SECRET_KEY=key).secret("SECRET_KEY")
    assert make(tmp_path, SECRET_KEY=key, DEBUG="1").secret("SECRET_KEY") == key


def test_refuses_bad_hosts_outside_debug(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a scheme"):
        make(tmp_path, ALLOWED_HOSTS="https://example.com").hosts("ALLOWED_HOSTS")
    with pytest.raises(ConfigError, match="every Host header"):
        make(tmp_path, ALLOWED_HOSTS="*").hosts("ALLOWED_HOSTS")
    assert make(tmp_path, ALLOWED_HOSTS="*", DEBUG="true").hosts("ALLOWED_HOSTS") == ["*"]


def test_all_problems_are_reported_when_django_loads_the_settings(tmp_path: Path) -> None:
    done = run_settings(tmp_path, SETTINGS, "check", DEBUG="Flase", WEB_PORT="80a")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for part in (
        "4 problems",
        "DEBUG: expected",
        "SECRET_KEY is not set",
        "ALLOWED_HOSTS is not set",
        "WEB_PORT: expected",
    ):
        assert part in done.stderr


def test_settings_without_problems_load(tmp_path: Path) -> None:
    done = run_settings(tmp_path, SETTINGS, "check", SECRET_KEY=KEY, ALLOWED_HOSTS="example.org")
    assert done.returncode == 0, done.stderr


def test_problems_of_an_imported_settings_module_are_reported(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(textwrap.dedent(SETTINGS), encoding="utf-8")
    done = run_settings(tmp_path, "from base import *\nPORT = 1\n", "check")
    assert "SECRET_KEY is not set" in done.stderr
    assert done.returncode == 1


def test_debug_counts_for_settings_above_it(tmp_path: Path) -> None:
    body = """
        from django_deploykit.conf import Config
        config = Config("shop")
        SECRET_KEY = config.secret("SECRET_KEY")
        ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS")
        DEBUG = {debug}
    """
    env = {"SECRET_KEY": "change-me", "ALLOWED_HOSTS": "*"}
    for debug in ("True", 'config.bool("DEBUG", default=True)'):
        done = run_settings(tmp_path, body.format(debug=debug), "check", **env)
        assert done.returncode == 0, done.stderr
    done = run_settings(tmp_path, body.format(debug="False"), "check", **env)
    assert "2 problems" in done.stderr
    assert "SECRET_KEY: is a placeholder" in done.stderr
    assert "'*', which accepts every Host header" in done.stderr
