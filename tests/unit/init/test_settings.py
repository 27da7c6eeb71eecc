"""The rules: which lines of the settings change, and what stays as it is."""

from __future__ import annotations

import pytest

from django_deploykit.init.chain import Chain, read_chain
from django_deploykit.init.settings import Change, Note, changes, facts_of
from django_deploykit.init.source import Source


def chain_of(text: str) -> Chain:
    return Chain((Source("shop/settings.py", text),))


def after(text: str) -> str:
    """Return the settings after all changes."""
    chain = chain_of(text)
    found = changes(facts_of(chain, "shop"))
    return chain.last.edited(one.edit for one in found if isinstance(one, Change)).text


def notes(text: str) -> list[str]:
    found = changes(facts_of(chain_of(text), "shop"))
    return [one.text for one in found if isinstance(one, Note)]


def line(text: str, name: str) -> str:
    """Return the line that sets a name after all changes."""
    return next(one for one in after(text).splitlines() if one.startswith(f"{name} = "))


@pytest.mark.parametrize(
    ("value", "noted"),
    [
        ("os.environ['KEY']", False),
        ("os.environ.get('KEY') or None", False),
        ("KEY if KEY else 'x'", False),
        ("'a' + 'b'", True),
        ("None", True),
    ],
)
def test_a_key_that_is_read_from_elsewhere_is_not_called_committed(value: str, noted: bool) -> None:
    assert any("not committed" in one for one in notes(f"SECRET_KEY = {value}\n")) == noted


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("SECRET_KEY = 'x'\n", 'SECRET_KEY = config.secret("SECRET_KEY")'),
        ("", 'SECRET_KEY = config.secret("SECRET_KEY")'),
        ("SECRET_KEY = os.environ['KEY']\n", "SECRET_KEY = os.environ['KEY']"),
        ("SECRET_KEY = env('KEY')\n", "SECRET_KEY = env('KEY')"),
        ("DEBUG = True\n", 'DEBUG = config.bool("DEBUG", default=False)'),
        ("DEBUG = False\n", "DEBUG = False"),
        ("DEBUG = 'x' in y\n", "DEBUG = 'x' in y"),
        (
            "ALLOWED_HOSTS = []\n",
            'ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])',
        ),
        (
            "ALLOWED_HOSTS = ['*', 'a.example']\n",
            'ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["a.example"])',
        ),
        ("ALLOWED_HOSTS = hosts()\n", "ALLOWED_HOSTS = hosts()"),
        ("BASE_DIR = Path()\nSTATIC_URL = 'static/'\n", 'STATIC_ROOT = BASE_DIR / "staticfiles"'),
        (
            "BASE_DIR = os.path.dirname(x)\n",
            'STATIC_ROOT = os.path.join(BASE_DIR, "staticfiles")',
        ),
        ("STATIC_ROOT = '/srv/static'\n", "STATIC_ROOT = '/srv/static'"),
        ("MEDIA_ROOT = BASE_DIR / 'media'\n", 'MEDIA_ROOT = config.data / "media"'),
        ("MEDIA_ROOT = os.path.join(BASE_DIR, 'up/')\n", 'MEDIA_ROOT = config.data / "up"'),
        ("MEDIA_ROOT = '/var/media'\n", "MEDIA_ROOT = '/var/media'"),
        ("INSTALLED_APPS = ['a']\n", "INSTALLED_APPS = ['a', 'django_deploykit']"),
        ("OURS = ['a']\nINSTALLED_APPS = X + OURS\n", "OURS = ['a', 'django_deploykit']"),
        ("INSTALLED_APPS = apps()\n", "INSTALLED_APPS = apps()"),
        (
            'MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "b"]\n',
            (
                'MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", '
                '"whitenoise.middleware.WhiteNoiseMiddleware", "b"]'
            ),
        ),
        ("MIDDLEWARE = ['b']\nS = 'storages.backends.s3.S3Storage'\n", "MIDDLEWARE = ['b']"),
    ],
)
def test_what_is_understood_changes_and_nothing_else_does(before: str, expected: str) -> None:
    assert line(before, expected.partition(" = ")[0]) == expected


def test_a_sqlite_file_moves_to_the_data_folder() -> None:
    sqlite = "{'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}"
    assert line(f"DATABASES = {{'default': {sqlite}}}\n", "DATABASES") == (
        "DATABASES = {'default': "
        "config.database(default=f\"sqlite:///{config.data / 'db.sqlite3'}\")}"
    )


def test_another_database_stays_and_is_named() -> None:
    text = "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'x'}}\n"
    assert line(text, "DATABASES") == text.rstrip()
    assert [one for one in notes(text) if "DATABASES stays" in one and "settings.py:1" in one]


def test_mail_that_is_printed_goes_to_a_server() -> None:
    mailers = (
        "MAILERS = {'default': {'BACKEND': 'django.core.mail.backends.console.EmailBackend'}}\n"
    )
    assert 'globals().update(config.email(default="smtp://localhost"))\n' in after(mailers)
    assert "MAILERS" not in after(mailers)


def test_config_is_made_below_the_first_imports() -> None:
    text = '"""Doc."""\n\nimport os\nfrom pathlib import Path\n\nDEBUG = True\nimport late\n'
    assert after(text).startswith(
        '"""Doc."""\n\nimport os\nfrom pathlib import Path\n\n'
        'from django_deploykit.conf import Config\n\nconfig = Config("shop")\n\nDEBUG = config'
    )
    assert after("DEBUG = True\n").startswith("from django_deploykit.conf import Config\n")


def test_a_name_that_is_taken_is_not_used() -> None:
    changed = after("from decouple import config\nDEBUG = True\n")
    assert 'deploykit_config = Config("shop")' in changed
    assert 'DEBUG = deploykit_config.bool("DEBUG", default=False)' in changed


def test_production_comes_last_unless_the_settings_decide_it() -> None:
    assert (
        after("DEBUG = True\n").splitlines()[-1].startswith("globals().update(config.production())")
    )
    own = "LOGGING = {}\nSECURE_SSL_REDIRECT = True\n"
    assert "production()" not in after(own)
    (note,) = [one for one in notes(own) if "production()" in one]
    assert "LOGGING (shop/settings.py:1), SECURE_SSL_REDIRECT (shop/settings.py:2)" in note


def test_other_libraries_stay_and_the_way_over_is_named() -> None:
    text = "import environ\nenv = environ.Env()\nDEBUG = env.bool('DEBUG', default=False)\n"
    (note,) = [one for one in notes(text) if "django-environ" in one]
    assert "conf move shop/settings.py" in note


@pytest.mark.parametrize(
    "text",
    [
        "",
        (
            "DEBUG = True\nALLOWED_HOSTS = []\nINSTALLED_APPS = ['a']\nMIDDLEWARE = ['b']\n"
            "BASE_DIR = Path()\nSTATIC_URL = 'static/'\nMEDIA_ROOT = BASE_DIR / 'media'\n"
        ),
        "from decouple import config\nDEBUG = True\n",
    ],
)
def test_a_second_time_nothing_changes(text: str) -> None:
    once = after(text)
    assert after(once) == once


def test_settings_in_several_files_are_changed_where_they_are() -> None:
    files = {
        "shop/settings/base.py": "INSTALLED_APPS = ['a']\nDEBUG = True\n",
        "shop/settings/production.py": "from .base import *\nALLOWED_HOSTS = []\n",
    }
    chain = read_chain("shop.settings.production", files.get)
    assert chain is not None
    found = [one for one in changes(facts_of(chain, "shop")) if isinstance(one, Change)]
    places = {
        (one.path.rpartition("/")[2], one.edit.text.strip().partition("(")[0]) for one in found
    }
    assert ("base.py", "config.bool") in places
    assert ("production.py", "config.hosts") in places
    assert ("production.py", "SECRET_KEY = config.secret") in places
