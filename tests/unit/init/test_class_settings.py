"""What init says about settings that are classes."""

from __future__ import annotations

import pytest

from django_deploykit.init.chain import Chain, read_chain
from django_deploykit.init.class_settings import has_classes, notes

CLASSES = """import os
from configurations import Configuration

class Common(Configuration):
    INSTALLED_APPS = ["shop"]

class Production(Common):
    DEBUG = False
"""


def chain(text: str) -> Chain:
    found = read_chain("shop", {"shop.py": text}.get)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CLASSES, True),
        ("import configurations\n", True),
        ("from configurations.values import Value\n", True),
        ("from .configurations_of_ours import x\nimport environ\n", False),
    ],
)
def test_settings_with_classes_are_found(text: str, expected: bool) -> None:
    assert has_classes(chain(text)) is expected


def test_a_note_has_the_lines_for_the_class() -> None:
    (note,) = notes(chain(CLASSES), "shop", "Production")
    assert note.text.startswith("shop.py:7: the settings are classes of django-configurations")
    code = note.text.partition("Write there:\n\n")[2]
    assert 'config = Config("shop")\n\n    class Production(Common):\n        ...\n' in code
    assert 'INSTALLED_APPS = ["django_deploykit", *Common.INSTALLED_APPS]' in code
    assert "vars().update(config.production())" in code
    assert 'SECRET_KEY = config.secret("SECRET_KEY")' in code


def test_what_is_there_is_not_asked_for() -> None:
    (note,) = notes(chain(CLASSES), "shop", "Production")
    lines = [line[4:] for line in note.text.splitlines()[2:]]
    assert not list(notes(chain("\n".join([CLASSES, *lines, ""])), "shop", "Production"))
    text = CLASSES + "    SECRET_KEY = values.SecretValue()\n"
    (note,) = notes(chain(text), "shop", "Production")
    assert "SECRET_KEY" not in note.text


def test_a_class_that_is_not_found_is_written_with_a_usual_name() -> None:
    (note,) = notes(chain("from .common import Common\nimport configurations\n"), "shop", "")
    assert note.text.startswith("shop.py: ")
    assert "class Production(Configuration):" in note.text
