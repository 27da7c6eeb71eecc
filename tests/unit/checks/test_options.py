"""The section [check] of deploykit.ini."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.checks.options import Skip, Topology, read_options
from django_deploykit.conf.ini import Ini, parse_ini
from django_deploykit.errors import Problems


def ini(text: str) -> Ini:
    """Return a deploykit.ini with this text in [check]."""
    return parse_ini(f"[check]\n{text}\n", Path("deploykit.ini"))


def test_an_empty_file_means_the_defaults() -> None:
    assert read_options(Ini()) == (Topology("proxy", "django", "wsgi"), ())


def test_reads_the_topology_and_the_skips() -> None:
    text = "tls = none\nskip =\n  W310 long sessions, until 2027-01-31\n  E401 a demo"
    topology, skips = read_options(ini(text))
    assert topology.tls == "none"
    assert skips == (
        Skip("W310", "long sessions", "2027-01-31", "deploykit.ini:3"),
        Skip("E401", "a demo", "", "deploykit.ini:3"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls = maybe", "deploykit.ini:2: tls must be one of proxy, django, none, not 'maybe'"),
        (
            "serverr = asgi",
            "deploykit.ini:2: serverr is not an option of [check]; did you mean 'server'?",
        ),
        ("skip = E401", "deploykit.ini:2: skip E401 needs a reason after the id"),
        ("skip = E401 until 2027-01-31", "skip E401 needs a reason after the id"),
        ("skip = E401 a demo, until 2027-02-30", "2027-02-30 is not a date such as 2027-01-31"),
        ("no equals sign", "deploykit.ini:2: "),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(Problems) as caught:
        read_options(ini(text))
    assert problem in caught.value.message
    assert caught.value.exit_code == 2


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(Problems) as caught:
        read_options(ini("tls = maybe\nserverr = asgi\nskip = E401"))
    assert len(caught.value.problems) == 3
