"""What is collected again after a change. The whole corpus: ``tests/integration``."""

from __future__ import annotations

import pytest

from django_deploykit.errors import BundleError
from tests.collecting import CollectedSite, collected_again, site

__all__ = ["site"]


def test_unaffected_files_are_neither_written_nor_packed(site: CollectedSite) -> None:
    before = site.build()[1]
    site.write({"app/static/lone.css": "c { color: blue }\n"})
    collected, after = site.build()
    assert not (collected.question.folder / "app/static/top.css").exists()
    assert not (collected.question.folder / "app/static/LICENSE").exists()
    new = {layer for layer in after if layer not in before and layer.kind == "static"}
    assert 0 < len(new) < len([layer for layer in after if layer.kind == "static"])
    site.write({"app/models.py": "A = 3\n"})
    last = site.build()[1]
    assert len([layer for layer in last if layer not in after]) == 1


def test_a_reference_to_a_missing_file_is_refused_as_before(site: CollectedSite) -> None:
    site.build()
    site.write({"app/static/lone.css": "c { background: url(gone.png) }\n"})
    with pytest.raises(BundleError, match=r"app/static/lone.css: .*gone.png"):
        site.build()


def test_everything_is_collected_under_ci(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.build()
    site.write({"app/static/lone.css": "c { color: blue }\n"})
    monkeypatch.setenv("CI", "true")
    assert not collected_again(site.build()[0])
