"""Which settings module a project uses, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.conf.settings_module import (
    CLASS_VARIABLE,
    application_files,
    default_settings,
    default_variables,
    named_settings,
    served_settings,
)

LINE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'


def test_manage_py_counts_more_than_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "other.settings")
    assert default_settings(tmp_path) == "other.settings"
    (tmp_path / "manage.py").write_text(LINE.format("shop.settings"), encoding="utf-8")
    assert default_settings(tmp_path) == "shop.settings"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ""),
        ({"shop/wsgi.py": "shop.production"}, "shop.production"),
        ({"wsgi.py": "shop.production", "shop/asgi.py": "shop.production"}, "shop.production"),
        ({"shop/wsgi.py": "shop.production", "shop/asgi.py": "shop.other"}, ""),
    ],
)
def test_wsgi_and_asgi_must_agree(files: dict[str, str], found: str, tmp_path: Path) -> None:
    for name, settings in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LINE.format(settings), encoding="utf-8")
    assert served_settings(tmp_path) == found


@pytest.mark.parametrize(
    "text",
    [LINE, 'os.environ["DJANGO_SETTINGS_MODULE"] = "{}"\n', "x['DJANGO_SETTINGS_MODULE']='{}'"],
)
def test_a_line_names_settings_in_several_ways(text: str) -> None:
    assert named_settings(text.format("shop.live")) == "shop.live"
    assert named_settings(text.format("shop.live"), CLASS_VARIABLE) == ""


def test_a_class_of_the_settings_is_named_beside_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_CONFIGURATION", "Exported")  # which no commit has
    (tmp_path / "manage.py").write_text(LINE.format("shop.settings"), encoding="utf-8")
    assert default_variables(tmp_path) == {"DJANGO_SETTINGS_MODULE": "shop.settings"}
    line = LINE.replace("SETTINGS_MODULE", "CONFIGURATION")
    (tmp_path / "manage.py").write_text(line.format("Dev"), encoding="utf-8")
    (tmp_path / "wsgi.py").write_text(line.format("Live"), encoding="utf-8")
    assert default_variables(tmp_path)["DJANGO_CONFIGURATION"] == "Dev"
    assert served_settings(tmp_path, CLASS_VARIABLE) == "Live"


def test_applications_are_in_the_project_s_folder_or_one_below(tmp_path: Path) -> None:
    names = ["a/wsgi.py", "shop/wsgi.py", "shop/asgi.py", "wsgi.py"]
    for name in (*names, "shop/deep/wsgi.py", "shop/urls.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = application_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == names
