"""What a project uses of this environment, if it has no list of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.init import imports
from django_deploykit.init.imports import used_requirements
from tests.wheels import write_tree


class Installed:
    """A distribution with a module of the same name."""

    def __init__(self, name: str, version: str) -> None:
        self.name, self.version, self.files = name, version, None

    def read_text(self, _: str) -> str:
        return self.name.replace("-", "_")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with a few packages, some of which the project uses."""
    rows = (
        "celery==5.4.1",
        "my-app==2026.3",
        "requests==2.32.3.post1",
        "pytest==8.1",
        "psycopg==3.2",
    )
    found = [
        Installed(*row.split("==")) for row in (*rows, "shop==1", "django-deploykit==1", "odd==x")
    ]
    monkeypatch.setattr(imports, "distributions", lambda: found)


def test_finds_imports_and_what_the_settings_name(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "shop/settings.py": "INSTALLED_APPS = ['my_app.apps.Config', 'shop', 'a sentence']\n"
            "ENGINE = 'django.db.backends.postgresql'\nimport os, odd\n",
            "shop/views.py": "from requests.auth import x\nfrom . import celery\nNAME = 'pytest'\n",
            "shop/tasks.py": "def run():\n    import celery.app\n",
            "shop/broken.py": "import (\n",
            "shop/tests/more.py": "import pytest\n",
            "shop/test_views.py": "import pytest\n",
            "env/pyvenv.cfg": "",
            "env/x.py": "import pytest\n",
        },
    )
    assert used_requirements(tmp_path, "5.2.0") == [
        "celery~=5.4.1",
        "django~=5.2.0",
        "my-app~=2026.3",
        "odd",
        "psycopg~=3.2",
        "requests~=2.32.3",
    ]


def test_a_project_without_imports_needs_django(tmp_path: Path) -> None:
    assert used_requirements(tmp_path, "5.2.0") == ["django~=5.2.0"]
