"""The INI parser, and that everyone who reads an INI reads the same."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_deploykit.conf.declarations import place
from django_deploykit.conf.ini import parse_ini
from django_deploykit.conf.sources import load_sources
from django_deploykit.release.runtime_archive import runtime_archive
from django_deploykit.runtime.base import ini
from django_deploykit.runtime.base.configuration import configured_keys
from django_deploykit.runtime.base.documents import Document
from django_deploykit.runtime.base.ini import keys_with_value, parse
from django_deploykit.runtime.base.option_names import key_of, missing_keys
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors.root_helper import helper, source_of

NAMES = ("ALLOWED_HOSTS", "DATABASE_URL", "SHOP", "COLOUR", "DJANGO_LEVEL", "A_B")
LINES = [
    *("[django]", "[shop]", "[database]", " [a] ", "[shop_database]", "[bad", "[]", "[a]b"),
    *(
        "allowed_hosts =",
        "allowed_hosts = x",
        "url=y",
        "URL : z",
        "colour",
        "= x",
        "database_url=w",
    ),
    *("django_level = 1", "level = 2", "b = 3", "shop = 4", "url = a ; b # c", "key = %(x)s"),
    *("  a.example", "\tb.example", "  key = v", "   ", "", "# c", "  ; c", "\x0b", "\u2028x = 1"),
]
texts = st.builds(
    str.join,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.sampled_from(LINES) | st.text("[]=:#; \t\nab\r\x0c\x85\u2028é"), max_size=12),
)
SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))


def helper_space() -> Document:
    """Return what the root helper's text defines."""
    space: dict[str, object] = {"__name__": "helper"}
    exec(compile(helper(SITE, ()), "helper", "exec"), space)
    return space


HELPER = helper_space()


def test_values_continue_on_indented_lines() -> None:
    text = "[django]\nallowed_hosts =\n  a.example\n\n  b.example\n# c\n  c.example\ndebug = no\n"
    assert parse(text) == (
        {
            "django": {
                "allowed_hosts": ("\na.example\n\nb.example\nc.example", 2),
                "debug": ("no", 8),
            }
        },
        [],
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_newline_ends_a_line(newline: str) -> None:
    assert parse(newline.join(["[a]", "b = 1", "c = 2"])) == (
        {"a": {"b": ("1", 2), "c": ("2", 3)}},
        [],
    )


def test_every_bad_line_is_reported_and_the_others_are_read() -> None:
    sections, problems = parse("early = 1\n[a]\nnonsense\n  more\nb = 1\nb = 2\n")
    assert sections == {"a": {"b": ("2", 6)}}
    assert problems == [
        (1, "an option comes before the first [section]"),
        (3, "expected a [section], an option = value, or a comment"),
        (4, "expected a [section], an option = value, or a comment"),
        (6, "b is set twice, first at line 5"),
    ]


def test_an_indented_line_continues_a_value_whatever_it_begins_with() -> None:
    text = "[a]\n  # a comment: there is no value yet\nb = 1\n  # 2\n\t; 3\n; a comment\n  [c]\n  d = 4\n"
    assert parse(text) == ({"a": {"b": ("1\n# 2\n; 3\n[c]\nd = 4", 3)}}, [])


CHARACTERS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))
VALUES = CHARACTERS.map(lambda text: text.strip(" \t\r"))


@settings(deadline=None)
@given(st.lists(VALUES.filter(bool), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_every_character_survives(lines: list[str], newline: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.ini"
        text = newline.join(["[x]", f"y = {lines[0]}", *(f"  {line}" for line in lines[1:]), ""])
        path.write_bytes(text.encode())
        sources = load_sources("shop", {}, path, "/nonexistent")
    assert sources.problems == ()
    assert sources.text("X_Y") == "\n".join(lines)


def test_only_options_with_a_value_have_a_key() -> None:
    text = "[django]\nsecret_key = x\nDEBUG: yes\nempty =\nblank =   \n[db]\nurl=sqlite:///x\n"
    assert keys_with_value(text) == {"[django] secret_key", "[django] debug", "[db] url"}


@settings(max_examples=300, deadline=None)
@given(texts)
def test_settings_host_verbs_and_the_root_helper_read_the_same(text: str) -> None:
    read = {
        key_of(section, name)
        for section, options in parse_ini(text, Path("shop.ini")).sections.items()
        for name, option in options.items()
        if option.value
    }
    assert keys_with_value(text) == read
    assert HELPER["keys_with_value"](text) == read


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(NAMES))
def test_a_key_is_missing_for_a_release_if_the_settings_do_not_find_it(
    text: str, name: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        etc = Path(folder)
        (etc / "shop.ini").write_bytes(text.encode())
        sources = load_sources("shop", {}, None, etc)
        keys = configured_keys(etc, "shop")
    if not sources.problems:  # otherwise the settings do not load
        missing = missing_keys([key_of(*place("shop", name))], "shop", keys)
        assert bool(missing) == (sources.find(name) is None)


def test_the_root_helper_gets_the_parser_from_the_archive_that_hosts_have(tmp_path: Path) -> None:
    path = runtime_archive().write(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(path)!r}); "
        "from runtime.base import ini; "
        "from runtime.supervisors.root_helper import source_of; print(source_of(ini))"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True)
    assert done.stdout == f"{source_of(ini)}\n", done.stderr
    assert "def keys_with_value(" in source_of(ini)


def test_the_root_helper_imports_little() -> None:
    imports = [
        line for line in helper(SITE, ()).splitlines() if line.startswith(("import", "from"))
    ]
    modules = {line.split()[1] for line in imports}
    assert modules == {"__future__", "errno", "os", "re", "stat", "sys", "time"}


def test_the_root_helper_prints_the_keys_that_a_release_looks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.ini").write_text(
        "\ufeff[django]\nallowed_hosts =\n    a.example\n    b.example\n", encoding="utf-8"
    )
    monkeypatch.setitem(HELPER, "ETC", str(tmp_path))
    assert HELPER["main"](["keys"]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == configured_keys(tmp_path, "shop")
    assert configured_keys(tmp_path, "shop") == ["[django] allowed_hosts"]
