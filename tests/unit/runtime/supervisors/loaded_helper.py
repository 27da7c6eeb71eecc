"""The root helper, loaded into the test's process; programs that it would run are recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors.root_helper import helper
from django_deploykit.runtime.supervisors.systemd_units import Kind

SITE = Site("shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"))
KINDS = (Kind("web", True), Kind("worker"))
RELEASE = "20261123T041500-ab12cd3"
TOKEN = "0123456789abcdef"
HOSTILE = (
    "",
    " ",
    "-",
    "--now",
    "-h",
    "..",
    "../../etc/passwd",
    "web worker",
    "web\n",
    "web;id",
    "$(id)",
    "`id`",
    "*",
    "web*",
    "w\u00e9b",
    "web\x00",
    "ssh.service",
    "@",
    "web@",
    RELEASE + "\n",
    RELEASE + " ",
    " " + RELEASE,
    "-" + RELEASE,
    "../" + RELEASE,
    RELEASE + ".service",
    RELEASE + ";reboot",
    RELEASE.upper(),
    "20261123T041500-ab12cd\u0663",
)


class Done(Exception):
    """The helper went on as another program."""


class Root:
    """The helper, loaded; what it would run is kept in ``calls``."""

    def __init__(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[list[str]] = []
        self.code = 0
        self.space: dict[str, Any] = {"__name__": "helper"}
        monkeypatch.delenv("SUDO_UID", raising=False)
        exec(compile(text, "helper", "exec"), self.space)
        monkeypatch.setattr(os, "execvp", self._become)
        self.space["call"] = self._call
        self.printed = ""  # by a program that is asked
        self.space["output"] = self._output

    def _become(self, file: str, words: list[str]) -> None:
        assert file == words[0]
        self.calls.append(words)
        raise Done

    def _call(self, *words: str) -> int:
        self.calls.append(list(words))
        return self.code

    def _output(self, *words: str) -> str:
        self.calls.append(list(words))
        return self.printed

    def __call__(self, *words: str) -> int:
        self.calls.clear()
        try:
            return int(self.space["main"](list(words)))
        except Done:
            return 0


Load = Callable[[Site], Root]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    return lambda site: Root(helper(site, KINDS), monkeypatch)


@pytest.fixture
def root(load: Load) -> Root:
    return load(SITE)
