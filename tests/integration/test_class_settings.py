"""A shop whose settings are classes of django-configurations, from the checks to a page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

from tests.environs import KEY, lock
from tests.integration.bundling import run_bundle
from tests.ports import claim_port
from tests.projects import IDENTITY, commit, make_shop, manage

CLASSES = """

class Development(Common):
    DEBUG = True


class Production(Common):
    SHOP_CURRENCY = values.Value("EUR")
"""
STARTED = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
os.environ.setdefault("DJANGO_CONFIGURATION", "{}")
"""
MANAGE = """
from configurations.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
WSGI = """
from configurations.wsgi import get_wsgi_application

application = get_wsgi_application()
"""


def use_classes(project: Path) -> None:
    """Change the shop as the documentation of django-configurations says."""
    path = project / "shop" / "settings.py"
    head, middle, rest = path.read_text().partition("\nDEBUG = ")
    rest = rest.replace("globals().update", "vars().update")
    common = textwrap.indent((middle + rest).strip() + "\n", "    ")
    head = head.replace(
        "from django_deploykit",
        "from configurations import Configuration, values\nfrom django_deploykit",
    )
    path.write_text(f"{head}\n\nclass Common(Configuration):\n{common}{CLASSES}")
    (project / "manage.py").write_text(STARTED.format("Development") + MANAGE)
    (project / "shop" / "wsgi.py").write_text(STARTED.format("Production") + WSGI)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_shop(tmp_path, claim_port())
    use_classes(made)
    lock(made, "django-configurations", "--no-deps")
    commit(made, "Use classes")
    return made


def deploykit(project: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m django_deploykit``."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
    argv = [sys.executable, "-m", "django_deploykit", *words]
    return subprocess.run(
        argv, cwd=project, env={**clean, **IDENTITY, **env}, capture_output=True, text=True
    )


def test_every_command_works(project: Path, tmp_path: Path) -> None:
    shell = ("shell", "-c", "from django.conf import settings as s; print(s.CONFIGURATION)")
    done = deploykit(project, *shell, SECRET_KEY=KEY)
    assert "shop.settings.Development" in done.stdout, done.stderr
    done = deploykit(project, *shell, "--configuration", "Production", SECRET_KEY=KEY)
    assert "shop.settings.Production" in done.stdout, done.stderr
    for run in (manage, deploykit):
        done = run(project, "deploy_check", SECRET_KEY=KEY)
        assert "with the production settings, shop.settings.Production" in done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
    done = deploykit(project, "bundle", "--json")
    assert done.returncode == 0, done.stderr
    bundle = json.loads(done.stdout)["path"]
    home = {"HOME": str(tmp_path), "SECRET_KEY": KEY, "SHOP_DEBUG": "no"}
    for _ in range(2):  # also when it is extracted already
        ran = run_bundle(bundle, *shell, **home)
        assert "shop.settings.Production" in ran.stdout, ran.stderr
    env = project / ".deploykit" / "local" / "etc" / "shop.env"
    env.parent.mkdir(parents=True)
    env.write_text("DJANGO_SHOP_CURRENCY=CHF\n")
    env.chmod(0o600)
    port = (project / "deploykit.ini").read_text().partition("127.0.0.1:")[2].split()[0]
    try:
        done = manage(project, "release", "--noinput", "--bundle", bundle, SECRET_KEY=KEY)
        assert done.returncode == 0, done.stdout + done.stderr
        ran = manage(project, "release", "exec", "--", *shell)
        assert "shop.settings.Production" in ran.stdout, ran.stderr
        assert manage(project, "release", "exec", "--", "restock").returncode == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
            assert "CHF" in page.read().decode()
    finally:
        manage(project, "release", "stop")
