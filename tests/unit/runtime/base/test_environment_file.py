"""Environment files: what is read, and what is reported because systemd would read it differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_deploykit.runtime.base.environment_file import parse_environment

# Texts and what they mean; tests/lab/test_environment.py compares the same texts with systemd.
READ = {
    "": {},
    "A=1": {"A": "1"},
    "# Ours\n; and more\n\n \t\n  # indented\nA=1\n": {"A": "1"},
    "A=": {"A": ""},
    "A=''\nB=\"\"\n": {"A": "", "B": ""},
    "  A = two words \t\n": {"A": "two words"},
    "A=a=b;c#d,$HOME ${B} `id`%*\n": {"A": "a=b;c#d,$HOME ${B} `id`%*"},
    "A=postgres://u:p%40w@h/n?x=1&y=2\n": {"A": "postgres://u:p%40w@h/n?x=1&y=2"},
    "A='it is # $HOME \\n \"x\" '  \n": {"A": 'it is # $HOME \\n "x" '},
    'A="it\'s # $HOME"\n': {"A": "it's # $HOME"},
    'A="\\"\\\\\\$\\`"\n': {"A": '"\\$`'},
    "A='one\ntwo\n\nthree'\nB=4\n": {"A": "one\ntwo\n\nthree", "B": "4"},
    'A="-----BEGIN KEY-----\nabc=\n-----END KEY-----\n"\n': {
        "A": "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n"
    },
    "a_1=x\n_B=y\n": {"a_1": "x", "_B": "y"},
    "A=ä€😀\n": {"A": "ä€😀"},
    "A='\ttab'\nB=a\tb\n": {"A": "\ttab", "B": "a\tb"},
}
NOT_READ = {
    "A=1\nB\n": (2, "expected NAME=value"),
    "[django]\n": (1, "expected NAME=value"),
    "=1\n": (1, "a name of letters, digits and _"),
    "1A=1\n": (1, "a name of letters, digits and _"),
    "A-B=1\n": (1, "a name of letters, digits and _"),
    "A B=1\n": (1, "a name of letters, digits and _"),
    "Ä=1\n": (1, "a name of letters, digits and _"),
    "\nexport A=1\n": (2, "remove `export`"),
    "A=1\n\nA=2\n": (3, "A is set twice, first at line 1"),
    "A='x\ny'\nA=2\n": (3, "first at line 1"),
    "A='x\n": (1, "the ' at the start of the value is not closed"),
    'A="x\\"\nB=1\n': (1, 'the " at the start of the value is not closed'),
    "A='x' y\n": (1, "nothing may follow the closing '"),
    "A='x''y'\n": (1, "nothing may follow the closing '"),
    'A="x"#y\n': (1, 'nothing may follow the closing "'),
    'A="x\\ny"\n': (1, "use single quotes"),
    'A="x\\\ny"\n': (1, "use single quotes"),
    "A=it's\n": (1, "must be in quotes as a whole"),
    'A=a"b"\n': (1, "must be in quotes as a whole"),
    "A=a\\b\n": (1, "must be in quotes as a whole"),
    "A=a\\\nb\n": (1, "must be in quotes as a whole"),
    "A=1 # one\n": (1, "a # does not begin a comment here"),
    "A=#fff\n": (1, "a # does not begin a comment here"),
    "# one \\\nA=1\n": (1, "a comment must not end with \\"),
    "A=1\r\nB=2\r\n": (1, "carriage return"),
    "A='\x1b[1m'\n": (1, "control character"),
    "# \0\nA=1\n": (1, "NUL"),
    "A=\ufdd0\n": (1, "not valid in Unicode"),
    "\ufeffA=1\n": (1, "byte order mark"),
    "DEPLOYKIT_RELEASE=1\n": (1, "set by systemd or by the release"),
    "LISTEN_FDS=1\n": (1, "set by systemd or by the release"),
    "CREDENTIALS_DIRECTORY=/x\n": (1, "set by systemd or by the release"),
}
SECRET = "hunter2hunter2"


@pytest.mark.parametrize("text", READ)
def test_reads(text: str) -> None:
    assert parse_environment(text.encode()) == (READ[text], [])


@pytest.mark.parametrize("text", NOT_READ)
def test_reports_with_the_line(text: str) -> None:
    line, problem = NOT_READ[text]
    found = parse_environment(text.encode())[1]
    assert [number for number, one in found if problem in one] == [line], found


def test_a_file_that_is_not_utf8_is_reported_with_the_line() -> None:
    assert parse_environment(b"A=1\nB=\xff\n") == ({}, [(2, "is not UTF-8")])


def test_everything_is_reported_at_once_and_the_rest_is_read() -> None:
    values, problems = parse_environment(b"A=1\nB\nC='\nD=2\n")
    assert values == {"A": "1", "D": "2"}
    assert [line for line, _ in problems] == [2, 3]


@given(st.sampled_from(sorted(NOT_READ)), st.sampled_from(["A", "B=C", "A=x '", "\\"]))
def test_problems_have_no_value(text: str, before: str) -> None:
    for spoiled in (text.replace("x", SECRET), f"{before}{SECRET}\n{text}", f"A={SECRET} '\n"):
        assert SECRET not in repr([one for _, one in parse_environment(spoiled.encode())[1]])


@given(st.binary() | st.text().map(str.encode) | st.text("AB=\"'\\# \n$`\t").map(str.encode))
def test_any_bytes_are_read_or_reported(data: bytes) -> None:
    values, problems = parse_environment(data)
    lines = data.count(b"\n") + 1
    assert all(0 < line <= lines and problem for line, problem in problems)
    assert all("\0" not in value for value in values.values())


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]))


@given(st.dictionaries(st.from_regex(r"[B-Z_]{1,8}", fullmatch=True), plain))
def test_single_quotes_keep_every_text(values: dict[str, str]) -> None:
    kept = {name: value for name, value in values.items() if "'" not in value}
    text = "".join(f"{name}='{value}'\n" for name, value in kept.items())
    assert parse_environment(text.encode()) == (kept, [])
