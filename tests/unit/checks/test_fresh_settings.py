"""Whether every process gets the same SECRET_KEY."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.fresh_settings import key_changes

PRINTABLE = """
import random, string
SECRET_KEY = "".join(random.SystemRandom().choice(string.printable) for _ in range(50))
"""
STORED = """
from pathlib import Path
from django.core.management.utils import get_random_secret_key
path = Path(__file__).with_name("key.txt")
if not path.exists():
    path.write_text(get_random_secret_key())
SECRET_KEY = path.read_text()
"""


@pytest.mark.parametrize(
    "text",
    [
        PRINTABLE,
        "import secrets\nkey = secrets.token_hex()\nSECRET_KEY = key\n",
        "from own_keys import make\nSECRET_KEY = make()\n",
    ],
)
def test_a_generated_key_changes(
    text: str, project: Path, write_settings: Callable[..., None]
) -> None:
    (project / "own_keys.py").write_text(
        "import os\ndef make():\n    return os.urandom(30).hex()\n", encoding="utf-8"
    )
    write_settings(text)
    assert key_changes(project) is True


@pytest.mark.parametrize(
    "text",
    [
        "import os\nSECRET_KEY = os.environ.get('NO_KEY_HERE', 'abc')\n",
        "import random\nSECRET_KEY = 'the same'\n",
        STORED,
    ],
)
def test_a_key_that_is_written_or_read_does_not(
    text: str, project: Path, write_settings: Callable[..., None]
) -> None:
    write_settings(text)
    assert key_changes(project) is False


def test_settings_that_load_only_once_are_not_decided(
    project: Path, write_settings: Callable[..., None]
) -> None:
    write_settings(
        "import pathlib, secrets\npathlib.Path(__file__).with_name('once').mkdir()\n"
        "SECRET_KEY = secrets.token_hex()\n"
    )
    with pytest.raises(Undecided, match="did not load in a second process"):
        key_changes(project)
