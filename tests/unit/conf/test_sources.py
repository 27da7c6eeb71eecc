"""Where values come from, and which one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf import Config, ConfigError
from tests.unit.conf.configs import KEY, make


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


def test_a_name_with_the_prefix_is_not_read_from_the_environment_without_it(tmp_path: Path) -> None:
    config = make(tmp_path, PATH="/usr/bin")
    assert config.str("SHOP_PATH", default="") == ""


@pytest.mark.parametrize(
    "value", ["a#b", "50%", "$HOME", "it's", '"quoted"', "a;b", "%(x)s", "ünï"]
)
def test_values_keep_special_characters(tmp_path: Path, value: str) -> None:
    assert make(tmp_path, f"[x]\ny = {value}\n").str("X_Y") == value


def test_reads_a_file_with_a_byte_order_mark_and_several_lines(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "shop.ini").write_text("[x]\ny = one\n  two\n", encoding="utf-8-sig")
    assert make(tmp_path).str("X_Y") == "one\ntwo"


def test_an_empty_value_in_a_file_counts_as_missing(tmp_path: Path) -> None:
    config = make(tmp_path, "[django]\nsecret_key =\n[x]\ny =\n")
    assert config.str("X_Y", default="z") == "z"
    with pytest.raises(ConfigError, match="SECRET_KEY is not set"):
        config.secret("SECRET_KEY")


def test_reports_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file /nowhere/x\.ini"):
        make(tmp_path, SHOP_CONFIG="/nowhere/x.ini")
    config = make(tmp_path, TOKEN_FILE="/nowhere/token")
    with pytest.raises(ConfigError, match="TOKEN_FILE: the file cannot be read"):
        config.str("TOKEN")


def test_reports_lines_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shop\.ini:3: expected a \[section\]"):
        make(tmp_path, "[x]\ny = 1\nbroken line\n")


def test_a_name_with_the_prefix_overrides_one_without(tmp_path: Path) -> None:
    config = make(tmp_path, DEBUG="app:*", SHOP_DEBUG="no")
    assert config.bool("DEBUG") is False
    (tmp_path / "etc" / "my-shop.ini").write_text("[my-shop]\ncolour = red\n", encoding="utf-8")
    assert Config("my-shop", etc=tmp_path / "etc", environ={}).str("COLOUR") == "red"
    dashed = Config("my-shop", etc=tmp_path / "etc", environ={"MY_SHOP_COLOUR": "blue"})
    assert dashed.str("COLOUR") == "blue"


def test_an_overridden_file_need_not_be_readable(tmp_path: Path) -> None:
    config = make(tmp_path, TOKEN="here", TOKEN_FILE="/nowhere/token")
    assert config.str("TOKEN") == "here"


def test_a_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbf a#b \n\n")
    assert make(tmp_path, TOKEN_FILE=str(tmp_path / "token")).str("TOKEN") == " a#b \n"


def test_reports_credentials_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"credential secret_key .* is not UTF-8"):
        make(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path))


def test_reports_a_packaged_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file /no/defaults\.ini"):
        Config("shop", packaged="/no/defaults.ini", etc=tmp_path, environ={})


def test_unicode_separators_do_not_end_a_line(tmp_path: Path) -> None:
    value = "a\u2028b\x85c\x0cd"
    assert make(tmp_path, f"[x]\ny = {value}\nz = 1\n").str("X_Y") == value
