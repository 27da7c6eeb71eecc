"""The files that a project gets next to its settings."""

from __future__ import annotations

import pytest

from django_deploykit.init.chain import Chain
from django_deploykit.init.files import (
    deploykit_ini,
    dev_ini,
    gitignore,
    health_page,
    manage_py,
    production_module,
)
from django_deploykit.init.source import Source
from django_deploykit.project import load_project


@pytest.mark.parametrize(
    ("settings", "there", "expected"),
    [
        ("shop.settings.dev", "shop/settings/production.py", "shop.settings.production"),
        ("config.settings.local", "config/settings/prod.py", "config.settings.prod"),
        ("shop.settings.dev", "shop/settings/other.py", "shop.settings.dev"),
        ("shop.settings", "shop/production.py", "shop.settings"),
        ("shop.settings.staging", "shop/settings/production.py", "shop.settings.staging"),
    ],
)
def test_settings_for_development_have_a_sibling_for_production(
    settings: str, there: str, expected: str
) -> None:
    assert production_module(settings, {there: ""}.get) == expected


def page(urls: str) -> str | None:
    chain = Chain((Source("shop/settings.py", "ROOT_URLCONF = 'shop.urls'\n"),))
    return health_page(chain, {"shop/urls.py": urls}.get)


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("urlpatterns = [path('', home), path('admin/', admin.site.urls)]\n", ""),
        ("urlpatterns = [path('', include('blog.urls'))]\n", ""),
        ("urlpatterns = [re_path(r'^$', home)]\n", ""),
        ("urlpatterns = [path('admin/', admin.site.urls)]\n", "/admin/login/"),
        ("urlpatterns = i18n([path('a/', admin.site.urls)])\n", "/a/login/"),
        ("urlpatterns = [re_path(r'^admin/', admin.site.urls)]\n", "/admin/login/"),
        ("urlpatterns = [re_path('^(?P<lang>..)/admin/', admin.site.urls)]\n", None),
        ("urlpatterns = [path('<lang>/admin/', admin.site.urls)]\n", None),
        ("urlpatterns = [path('^', home)]\n", None),
        ("urlpatterns = [path('up', up)]\n", None),
        ("urlpatterns = [\n", ""),
    ],
)
def test_a_page_that_a_release_can_ask_for(urls: str, expected: str | None) -> None:
    assert page(urls) == expected


def test_settings_without_a_urlconf_get_no_advice() -> None:
    assert health_page(Chain((Source("s.py", ""),)), dict[str, str]().get) == ""


@pytest.mark.parametrize("health", ["", "/up"])
def test_our_own_reader_takes_the_new_file(
    health: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("project")
    (root / "manage.py").touch()
    text = deploykit_ini("shop", "shop.settings.production", health)
    (root / "deploykit.ini").write_text(text, encoding="utf-8")
    project = load_project(root)
    assert (project.name, project.settings) == ("shop", "shop.settings.production")
    assert set(project.inventory) == {"local"}
    assert ("health = /up" in text) == bool(health)


def test_only_sites_that_send_mail_print_it_in_development() -> None:
    assert "console://" in dev_ini("k", mail=True)
    assert "console://" not in dev_ini("k", mail=False)
    assert "secret_key = k\n" in dev_ini("k", mail=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ".venv/\n__pycache__/\n/dev.ini\n"),
        ("", "/dev.ini\n"),
        ("*.pyc", "*.pyc\n/dev.ini\n"),
        ("*.pyc\r\n", "*.pyc\r\n/dev.ini\r\n"),
    ],
)
def test_paths_are_added_to_gitignore(text: str | None, expected: str) -> None:
    assert gitignore(text, ("/dev.ini",)) == expected


def test_a_new_gitignore_names_the_virtualenv_once() -> None:
    assert gitignore(None, ("/.venv/", "/env/")) == ".venv/\n__pycache__/\n/env/\n"


STOCK = """def main():
    try:
        from django.core.management import execute_from_command_line  # Django's
    except ImportError as exc:
        raise ImportError("Couldn't import Django.") from exc
    execute_from_command_line(sys.argv)
"""


def test_manage_py_gets_our_function_by_one_word() -> None:
    changed = manage_py(STOCK)
    assert changed == STOCK.replace("django.core.management", "django_deploykit.management")
    assert manage_py(changed) == changed
    assert manage_py(STOCK.replace("\n", "\r\n")) == changed.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "if (\n",
        "from configurations.management import execute_from_command_line\n",
        "from django.core.management import ManagementUtility, execute_from_command_line\n",
        "from django.core.management import ManagementUtility\n",
        "from django.core import management\n",
        STOCK + "    from django.core.management import call_command\n",
    ],
)
def test_a_manage_py_that_is_not_understood_stays(text: str) -> None:
    assert manage_py(text) == text
