"""Where setup put a site, as root's helper says."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.supervisors.helper_reader import site_folder, usual_root
from django_deploykit.runtime.supervisors.root_helper import helper


@pytest.mark.parametrize("root", ["/srv/shop", "/data/sites/shop"])
def test_the_helper_says_where_the_site_is(root: str, tmp_path: Path) -> None:
    site = Site("shop", Path(root), Path("/etc/shop"), Path("/var/lib/shop"))
    (tmp_path / "deploykit-shop").write_text(helper(site, ()))
    assert site_folder("shop", str(tmp_path)) == Path(root)
    assert site_folder("blog", str(tmp_path)) is None


def test_a_project_that_is_not_set_up_will_be_in_the_default_folder() -> None:
    assert usual_root("no-such-project") == Path("/srv/no-such-project")
