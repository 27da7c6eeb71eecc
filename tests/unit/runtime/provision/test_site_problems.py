"""A site's values are checked before they become part of root's files; test_plan.py has more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.provision.site_problems import (
    folder_problem,
    iter_site_problems,
    listen_problem,
)

SITE = Site(
    "shop", Path("/srv/shop"), Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
)


def test_a_plain_site_has_no_problem() -> None:
    assert list(iter_site_problems(SITE)) == []


@pytest.mark.parametrize("root", ["/etc/shop", "/srv", "srv/shop", "/srv/a b"])
def test_folders_that_are_not_for_sites(root: str) -> None:
    assert folder_problem(root) == "cannot be the site's folder"


@pytest.mark.parametrize("listen", ["/tmp/x", "/run/a\nb", "host:80", "1.2.3.4:0"])
def test_addresses_on_which_systemd_should_not_listen(listen: str) -> None:
    assert listen_problem(listen).startswith("listen must be a path")


def test_all_problems_are_found() -> None:
    bad = replace(SITE, boot=0.5, roles=("a b",), apparmor="strict", limits=("x",))
    assert len(list(iter_site_problems(bad))) == 4
