"""The database while building: Django's checks find nothing wrong, and no query runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_deploykit.conf.dummy.base import DatabaseFeatures, DatabaseWrapper

SETTINGS = """
from django_deploykit.conf import Config
config = Config("shop", etc="/nonexistent")
SECRET_KEY = config.secret("SECRET_KEY")
DATABASES = {"default": config.database()}
CACHES = {"default": config.cache()}
globals().update(config.email())
INSTALLED_APPS = ["things"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
assert type(SECRET_KEY) is str, type(SECRET_KEY)
"""
MODELS = """
from django.db import models

class Thing(models.Model):
    name = models.CharField()
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(**{"%s": models.Q(name__gt="")}, name="named"),
            models.UniqueConstraint(fields=["name"], condition=models.Q(id__gt=1), name="some"),
        ]
"""


def test_checks_find_nothing_wrong_with_models(tmp_path: Path) -> None:
    import django

    check = "condition" if django.VERSION >= (5, 1) else "check"
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "things" / "models.py").write_text(MODELS % check, encoding="utf-8")
    (tmp_path / "site_settings.py").write_text(SETTINGS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--database", "default"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "DEPLOYKIT_BUILD": "1",
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_supports_everything_and_runs_nothing() -> None:
    connection = DatabaseWrapper({"ENGINE": "x", "NAME": "", "TIME_ZONE": None, "OPTIONS": {}})
    assert connection.features.supports_unlimited_charfield is True
    assert DatabaseFeatures.supports_tablespaces is True
    with pytest.raises(ImproperlyConfigured):
        connection.ensure_connection()
