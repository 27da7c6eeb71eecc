"""Where values come from, and which one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf import Config, ConfigError
from django_deploykit.runtime.base.configuration import configured_keys
from django_deploykit.runtime.base.option_names import key_of, missing_keys, prefix
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


@pytest.mark.parametrize(
    ("credential", "original"),
    [("shop.ini", "etc/shop.ini"), ("conf.d_mail.ini", "etc/conf.d/mail.ini")],
)
def test_a_copy_of_a_file_is_called_by_the_files_name(
    credential: str, original: str, tmp_path: Path
) -> None:
    copies = tmp_path / "credentials"
    copies.mkdir()
    (copies / credential).write_text("[x]\ncolour\n", encoding="utf-8")
    given = {"CREDENTIALS_DIRECTORY": str(copies)}
    with pytest.raises(ConfigError, match=f"{tmp_path / original}:2: expected"):
        make(tmp_path, **given, DEPLOYKIT_DATA="/var/lib/shop")
    # The credentials of other units may come from anywhere.
    with pytest.raises(ConfigError, match=f"{copies / credential}:2: expected"):
        make(tmp_path, **given)


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


def test_files_with_one_value_keep_their_line_ends(tmp_path: Path) -> None:
    (tmp_path / "pem").write_bytes(b"one\r\ntwo\rthree\r\n")
    assert make(tmp_path, PEM_FILE=str(tmp_path / "pem")).str("PEM") == "one\r\ntwo\rthree"


# Names that begin like a section, a prefix or Django's own.
NAMES = ["DJANGO_SECRET_KEY", "DJANGO_DEBUG", "DJANGO_", "DATABASE_URL", "MAIL_HOST", "EMAIL_HOST"]
NAMES += ["SHOP_ADMIN_URL", "ADMIN_URL", "GREETING", "SHOP_GREETING", "URL", "A__B", "HOST", "x_Y"]


@pytest.mark.parametrize("app", ["shop", "my-shop", "django", "database", "mail", "email", "Shop"])
def test_every_setting_is_read_where_the_sample_has_it(app: str, tmp_path: Path) -> None:
    building = Config(app, etc=tmp_path, environ={"DEPLOYKIT_BUILD": "1"})
    for name in NAMES:
        building.str(name)
    assert len({(one.section, one.option) for one in building.declarations}) == len(NAMES)
    lines = [f"[{one.section}]\n{one.option} = {one.env}" for one in building.declarations]
    path = tmp_path / f"{app}.ini"
    path.write_text("\n".join(lines), encoding="utf-8")
    required = [key_of(one.section, one.option) for one in building.declarations]
    assert missing_keys(required, app, configured_keys(tmp_path, app)) == []
    for name in NAMES:
        config = Config(app, etc=tmp_path, environ={})
        # A name with the prefix is also the stronger spelling of the name without it.
        prefixed = prefix(app) + name
        assert config.str(name) == (prefixed if prefixed in NAMES else name)


def test_the_nearest_source_wins_over_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "defaults.ini").write_text("[shop]\ndebug = yes\n", encoding="utf-8")
    (tmp_path / "shop.ini").write_text("[django]\ndebug = no\n", encoding="utf-8")
    packaged = tmp_path / "defaults.ini"
    assert Config("shop", packaged=packaged, etc=tmp_path, environ={}).bool("DEBUG") is False


@pytest.mark.parametrize("name", ["myKey", "my_key", "My_Key"])
def test_names_are_found_as_written(name: str, tmp_path: Path) -> None:
    assert make(tmp_path, **{name: "written", "MY_KEY": "upper"}).str(name) == "written"
    assert make(tmp_path, **{f"SHOP_{name}": "written"}).str(name) == "written"
    assert make(tmp_path, **{name.upper(): "upper"}).str(name) == "upper"
    assert make(tmp_path, "[my]\nkey = ini\n[django]\nmykey = ini\n").str(name) == "ini"
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        make(tmp_path / "other", OTHER="x").str(name)


def test_variables_that_are_set_later_are_found(tmp_path: Path) -> None:
    environ = {"A": "1"}
    config = Config("shop", etc=tmp_path, environ=environ)
    assert config.str("B", default="") == ""
    environ["B"] = "2"
    assert config.str("B", default="") == "2"
    environ["B"] = "3"
    assert config.str("B") == "3"


@pytest.mark.parametrize(
    ("ini", "environ", "says"),
    [
        ("[databse]\nurl = x\n", {}, r"Is it .*shop\.ini:2 \[databse\] url, misspelled\?"),
        ("", {"DATABSE_URL": "x"}, "Is it the variable DATABSE_URL, misspelled"),
        ("", {"SHOP_DATABASE_ULR": "x"}, "Is it the variable SHOP_DATABASE_ULR, misspelled"),
    ],
)
def test_a_missing_setting_names_the_option_that_looks_like_it(
    ini: str, environ: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"DATABASE_URL is not set.*{says}"):
        make(tmp_path, ini, **environ).database()


@pytest.mark.parametrize("ini", ["", "[database]\nurl =\n", "[celery]\nurl = x\n"])
def test_other_options_are_not_misspelled(ini: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, ini).database()
    assert "misspelled" not in str(caught.value)


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


def test_a_variable_that_is_set_or_removed_later_counts(tmp_path: Path) -> None:
    environ = {"A": "1"}
    config = Config("shop", etc=tmp_path, environ=environ)
    assert config.str("LATE", default="x") == "x"
    environ["LATE"] = "y"
    assert config.str("LATE", default="x") == "y"
    environ["SHOP_LATE"] = "own"
    assert config.str("LATE", default="x") == "own"
    del environ["SHOP_LATE"]
    assert config.str("LATE", default="x") == "y"
    (tmp_path / "file").write_text("z\n", encoding="utf-8")
    environ["OTHER_FILE"] = str(tmp_path / "file")
    assert config.str("OTHER", default="x") == "z"
    del environ["LATE"]
    environ["SHOP_OTHER"] = "w"
    assert config.str("LATE", default="x") == "x"
    assert config.str("OTHER", default="x") == "w"
