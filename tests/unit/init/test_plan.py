"""The plan for a project: every file that changes, and why development needs one more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_deploykit.init.dependencies import plan_locking
from django_deploykit.init.plan import Known, Plan, make_plan

STOCK = {
    "manage.py": "from django.core.management import execute_from_command_line\n",
    "shop/settings.py": "BASE_DIR = Path()\nSECRET_KEY = 'x'\nROOT_URLCONF = 'shop.urls'\n"
    "INSTALLED_APPS = ['a']\nMIDDLEWARE = ['b']\nSTATIC_URL = 'static/'\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}\n",
    "shop/urls.py": "urlpatterns = [path('admin/', admin.site.urls)]\n",
}
SPLIT = {
    "shop/settings/base.py": "INSTALLED_APPS = ['a']\nMIDDLEWARE = ['b']\n",
    "shop/settings/dev.py": "from .base import *\nSECRET_KEY = 'x'\n",
    "shop/settings/production.py": "from .base import *\n",
    "shop/wsgi.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.dev")\n',
}
KNOWN = Known(
    name="shop",
    named=True,
    settings="shop.settings",
    used="shop.settings",
    locking=plan_locking(
        dict[str, str]().get, "django-deploykit", lambda: ["django~=5.2.0"], "3.12"
    ),
    servers=(),
    ignored=lambda path: path == "/ignored",
    new_key=lambda: "new-key",
)
DEV = replace(KNOWN, settings="shop.settings.dev", used="shop.settings.dev")


def applied(files: dict[str, str], plan: Plan) -> dict[str, str]:
    return {**files, **plan.files}


def test_a_stock_project_gets_all_that_it_lacks() -> None:
    plan = make_plan(KNOWN, STOCK.get)
    assert set(plan.files) == {
        ".gitignore",
        "deploykit.ini",
        "dev.ini",
        "manage.py",
        "requirements.in",
        "shop/settings.py",
    }
    assert "health = /admin/login/" in plan.files["deploykit.ini"]
    assert "secret_key = new-key" in plan.files["dev.ini"]
    ignored = plan.files[".gitignore"].splitlines()
    assert ignored[-3:] == ["/dev.ini", "/staticfiles/", "/db.sqlite3"]
    assert plan.before == {path: STOCK[path] for path in ("manage.py", "shop/settings.py")}
    assert plan.development == "SHOP_CONFIG"
    assert not plan.empty


def test_a_second_time_there_is_nothing_to_do() -> None:
    files = applied(STOCK, make_plan(KNOWN, STOCK.get))
    files["requirements.txt"] = "django-deploykit==1 --hash=sha256:0\n"
    again = make_plan(
        replace(
            KNOWN, ignored=lambda path: True, locking=plan_locking(files.get, "x", list, "3.12")
        ),
        files.get,
    )
    assert again.files == {}
    assert again.empty


def test_wsgi_uses_the_settings_of_production_too() -> None:
    plan = make_plan(replace(DEV, servers=("shop/wsgi.py",)), SPLIT.get)
    assert "shop.settings.production" in plan.files["shop/wsgi.py"]
    assert "settings =" not in plan.files["deploykit.ini"]
    assert plan.settings == "shop.settings.production"


def test_without_wsgi_deploykit_ini_names_them() -> None:
    plan = make_plan(DEV, SPLIT.get)
    assert "settings = shop.settings.production" in plan.files["deploykit.ini"]
    kept = make_plan(DEV, {**SPLIT, "deploykit.ini": "[check]\n"}.get)
    assert "deploykit.ini" not in kept.files
    assert [one for one in kept.notes if "settings = shop.settings.production" in one]


def test_development_that_keeps_its_own_key_needs_no_file() -> None:
    plan = make_plan(DEV, SPLIT.get)
    assert "dev.ini" not in plan.files
    assert plan.development == ""
    assert "shop/settings/dev.py" not in plan.files


def test_what_git_ignores_already_is_not_repeated() -> None:
    plan = make_plan(replace(KNOWN, ignored=lambda path: path != "/dev.ini"), STOCK.get)
    assert plan.files[".gitignore"].splitlines()[-1] == "/dev.ini"
    assert "/staticfiles/" not in plan.files[".gitignore"]


def test_a_virtualenv_that_git_would_add_is_ignored_from_now_on() -> None:
    plan = make_plan(replace(KNOWN, virtualenv="env"), {**STOCK, ".gitignore": "*.pyc\n"}.get)
    assert plan.files[".gitignore"].splitlines()[:2] == ["*.pyc", "/env/"]


def test_a_name_that_the_files_do_not_give_is_written_down() -> None:
    plan = make_plan(replace(KNOWN, named=False), STOCK.get)
    assert "[project]\nname = shop\n" in plan.files["deploykit.ini"]


def test_a_site_without_a_known_page_is_told() -> None:
    files = {**STOCK, "shop/urls.py": "urlpatterns = []\n"}
    assert [one for one in make_plan(KNOWN, files.get).notes if "health = /up" in one]


def test_settings_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(LookupError, match=r"shop\.settings"):
        make_plan(KNOWN, dict[str, str]().get)
    with pytest.raises(SyntaxError):
        make_plan(KNOWN, {"shop/settings.py": "DEBUG = (\n"}.get)


def test_settings_that_are_classes_stay_as_they_are() -> None:
    classes = (
        "from configurations import Configuration\nclass Live(Configuration):\n    DEBUG = False\n"
    )
    files = {**STOCK, "shop/settings.py": classes}
    plan = make_plan(replace(KNOWN, configuration="Live"), files.get)
    assert "shop/settings.py" not in plan.files
    assert "deploykit.ini" in plan.files
    (note,) = [one for one in plan.notes if "django-configurations" in one]
    assert note.startswith("shop/settings.py:2: ")
