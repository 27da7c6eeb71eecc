"""Config: layers, collected problems, secrets that stay hidden."""

from __future__ import annotations

import secrets
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from django_deploykit.conf import Config, ConfigError
from django_deploykit.conf.__main__ import compare
from django_deploykit.conf.secret import StandIn

KEY = secrets.token_urlsafe(50)


def make(tmp_path: Path, ini: str = "", **environ: str) -> Config:
    """Return a Config whose ``/etc`` is ``tmp_path``."""
    etc = tmp_path / "etc"
    etc.mkdir(exist_ok=True)
    if ini:
        (etc / "shop.ini").write_text(textwrap.dedent(ini), encoding="utf-8")
    return Config("shop", etc=etc, environ=environ)


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    (tmp_path / "etc" / "conf.d").mkdir(parents=True)
    (tmp_path / "credentials").mkdir()
    packaged = tmp_path / "defaults.ini"
    names = ["packaged", "etc", "confd", "credential", "config", "file", "environment"]
    files = [
        packaged,
        tmp_path / "etc" / "shop.ini",
        tmp_path / "etc" / "conf.d" / "10.ini",
        tmp_path / "credentials" / "shop.ini",
        tmp_path / "own.ini",
    ]
    for number, path in enumerate(files):
        lines = [f"{name} = {names[number]}" for name in names[number:]]
        path.write_text("[x]\n" + "\n".join(lines), encoding="utf-8")
    for name in names[5:]:
        (tmp_path / name).write_text("file\n", encoding="utf-8")
    config = Config(
        "shop",
        packaged=packaged,
        etc=tmp_path / "etc",
        environ={
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
            "SHOP_CONFIG": str(tmp_path / "own.ini"),
            "X_FILE_FILE": str(tmp_path / "file"),
            "X_ENVIRONMENT_FILE": str(tmp_path / "environment"),
            "X_ENVIRONMENT": "environment",
        },
    )
    assert [config.str(f"X_{name.upper()}") for name in names] == names


def test_reads_single_credentials(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text(KEY + "\n", encoding="utf-8")
    config = make(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert config.secret("SECRET_KEY") == KEY


def test_one_option_has_one_name(tmp_path: Path) -> None:
    config = make(
        tmp_path, "[database]\nurl = sqlite:////x\n[django]\ndebug = yes\n[shop]\ncolour = red\n"
    )
    assert config.database()["NAME"] == "/x"
    assert config.bool("DEBUG") is True
    assert config.str("COLOUR") == "red"


def test_accepts_the_prefix_for_everything(tmp_path: Path) -> None:
    config = make(tmp_path, SHOP_DEBUG="yes", SHOP_DATABASE_URL="sqlite:////x")
    assert config.bool("DEBUG") is True
    assert config.database()["NAME"] == "/x"


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


def test_a_name_with_the_prefix_is_not_read_from_the_environment_without_it(tmp_path: Path) -> None:
    config = make(tmp_path, PATH="/usr/bin")
    assert config.str("SHOP_PATH", default="") == ""


@pytest.mark.parametrize(
    "value", ["a#b", "50%", "$HOME", "it's", '"quoted"', "a;b", "%(x)s", "ünï"]
)
def test_values_survive(tmp_path: Path, value: str) -> None:
    assert make(tmp_path, f"[x]\ny = {value}\n").str("X_Y") == value


def test_reads_a_file_with_a_byte_order_mark_and_several_lines(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "shop.ini").write_text("[x]\ny = one\n  two\n", encoding="utf-8-sig")
    assert make(tmp_path).str("X_Y") == "one\ntwo"


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


def test_never_tells_a_secret(tmp_path: Path) -> None:
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


def test_secrets_hide_in_a_repr(tmp_path: Path) -> None:
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


def test_building_needs_no_secrets(tmp_path: Path) -> None:
    config = make(tmp_path, DEPLOYKIT_BUILD="1")
    assert isinstance(config.secret("SECRET_KEY"), StandIn)
    assert config.hosts("ALLOWED_HOSTS") == []
    assert config.int("WEB_PORT") == 1
    assert config.problems == ()


def test_settings_for_building_serve_no_request() -> None:
    code = """
        import os
        os.environ["DEPLOYKIT_BUILD"] = "1"
        from django.conf import settings
        from django_deploykit.conf import Config
        config = Config("shop")
        settings.configure(SECRET_KEY=config.secret("SECRET_KEY"), ROOT_URLCONF="x", ALLOWED_HOSTS=["*"])
        from django.core.wsgi import get_wsgi_application
        try:
            get_wsgi_application()({"REQUEST_METHOD": "GET", "wsgi.input": None}, print)
        except RuntimeError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert "must not serve requests" in done.stdout, done.stderr


def test_is_called_as_python_decouple(tmp_path: Path) -> None:
    from decouple import Choices, Csv

    config = make(tmp_path, PORT="80", DEBUG="off", NAMES="a,b", COLOUR="red")
    assert config("PORT", cast=int) == 80
    assert config("DEBUG", default=True, cast=bool) is False
    assert config("NAMES", cast=Csv()) == ["a", "b"]
    assert config("COLOUR", cast=Choices(["red", "blue"])) == "red"
    assert config("ABSENT", default=None, cast=int) is None
    assert config("ABSENT2", default="5", cast=int) == 5
    with pytest.raises(ConfigError) as caught:
        config("NAMES", cast=int)
    assert "a,b" not in str(caught.value)


def test_empty_in_a_file_counts_as_absent(tmp_path: Path) -> None:
    config = make(tmp_path, "[django]\nsecret_key =\n[x]\ny =\n")
    assert config.str("X_Y", default="z") == "z"
    with pytest.raises(ConfigError, match="SECRET_KEY is not set"):
        config.secret("SECRET_KEY")


def test_tells_of_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file /nowhere/x\.ini"):
        make(tmp_path, SHOP_CONFIG="/nowhere/x.ini")
    config = make(tmp_path, TOKEN_FILE="/nowhere/token")
    with pytest.raises(ConfigError, match="TOKEN_FILE: the file cannot be read"):
        config.str("TOKEN")


def run_settings(
    tmp_path: Path, body: str, *argv: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run Django with a settings module of this text."""
    (tmp_path / "site_settings.py").write_text(textwrap.dedent(body), encoding="utf-8")
    code = "from django.core.management import execute_from_command_line; import sys; execute_from_command_line(sys.argv)"
    (tmp_path / "manage.py").write_text(code, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "site_settings", **env},
        capture_output=True,
        text=True,
    )


SETTINGS = """
    from django_deploykit.conf import Config
    config = Config("shop")
    DEBUG = config.bool("DEBUG", default=False)
    SECRET_KEY = config.secret("SECRET_KEY")
    ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS")
    PORT = config.int("WEB_PORT", default=80)
"""


def test_all_problems_come_out_when_django_loads_the_settings(tmp_path: Path) -> None:
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


def test_settings_that_hold_load(tmp_path: Path) -> None:
    done = run_settings(tmp_path, SETTINGS, "check", SECRET_KEY=KEY, ALLOWED_HOSTS="example.org")
    assert done.returncode == 0, done.stderr


def test_problems_of_a_module_that_another_imports_come_out_too(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(textwrap.dedent(SETTINGS), encoding="utf-8")
    done = run_settings(tmp_path, "from base import *\nPORT = 1\n", "check")
    assert "SECRET_KEY is not set" in done.stderr
    assert done.returncode == 1


def test_tells_of_lines_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shop\.ini:3: expected a \[section\]"):
        make(tmp_path, "[x]\ny = 1\nbroken line\n")


def test_debug_further_down_counts_for_what_stands_above(tmp_path: Path) -> None:
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
    assert "'*' accepts every Host header" in done.stderr


def test_the_own_prefix_is_the_stronger_name(tmp_path: Path) -> None:
    config = make(tmp_path, DEBUG="app:*", SHOP_DEBUG="no")
    assert config.bool("DEBUG") is False
    (tmp_path / "etc" / "my-shop.ini").write_text("[my-shop]\ncolour = red\n", encoding="utf-8")
    assert Config("my-shop", etc=tmp_path / "etc", environ={}).str("COLOUR") == "red"
    dashed = Config("my-shop", etc=tmp_path / "etc", environ={"MY_SHOP_COLOUR": "blue"})
    assert dashed.str("COLOUR") == "blue"


def test_a_weaker_file_that_cannot_be_read_does_no_harm(tmp_path: Path) -> None:
    config = make(tmp_path, TOKEN="here", TOKEN_FILE="/nowhere/token")
    assert config.str("TOKEN") == "here"


def test_a_file_gives_its_text_without_the_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbf a#b \n\n")
    assert make(tmp_path, TOKEN_FILE=str(tmp_path / "token")).str("TOKEN") == " a#b \n"


def test_tells_of_credentials_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"credential secret_key .* is not UTF-8"):
        make(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path))


def test_tells_of_a_packaged_file_that_was_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file /no/defaults\.ini"):
        Config("shop", packaged="/no/defaults.ini", etc=tmp_path, environ={})


def test_separators_of_other_scripts_are_no_new_line(tmp_path: Path) -> None:
    value = "a\u2028b\x85c\x0cd"
    assert make(tmp_path, f"[x]\ny = {value}\nz = 1\n").str("X_Y") == value


def test_a_call_judges_what_safety_hangs_on(tmp_path: Path) -> None:
    from decouple import Csv

    with pytest.raises(ConfigError, match="SECRET_KEY: is a placeholder"):
        make(tmp_path, SECRET_KEY="change-me")("SECRET_KEY")
    with pytest.raises(ConfigError, match="has a scheme"):
        make(tmp_path, ALLOWED_HOSTS="a.org,https://b.org")("ALLOWED_HOSTS", cast=Csv())
    in_debug = make(tmp_path, SECRET_KEY="change-me", DEBUG="true")
    assert in_debug("SECRET_KEY") == "change-me"
    with pytest.raises(ConfigError, match="DEBUG: expected true or false"):
        make(tmp_path, DEBUG="Flase")("DEBUG", default=False, cast=bool)


@pytest.mark.parametrize(
    ("default", "value"), [("False", False), ("", False), (0, False), ("on", True), (None, None)]
)
def test_a_call_casts_its_default_as_decouple_does(
    tmp_path: Path, default: object, value: bool | None
) -> None:
    import decouple

    assert make(tmp_path)("ABSENT", default=default, cast=bool) is value
    if default is not None:
        theirs = decouple.Config(decouple.RepositoryEmpty())
        assert theirs("ABSENT", default=default, cast=bool) is value


def test_production_is_one_line(tmp_path: Path) -> None:
    found = make(tmp_path).production()
    assert found["SECURE_SSL_REDIRECT"] is found["SESSION_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] == 3600
    assert found["LOGGING"]["root"]["handlers"] == ["console"]
    for env in ({"DEBUG": "1"}, {"DEPLOYKIT_ENVIRONMENT": "local"}, {"SECURE": "no"}):
        plain = make(tmp_path, **env).production()
        assert plain["SECURE_SSL_REDIRECT"] is plain["CSRF_COOKIE_SECURE"] is False
        assert plain["SECURE_HSTS_SECONDS"] == 0
