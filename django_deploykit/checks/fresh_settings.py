"""Whether SECRET_KEY is the same in every process, found out by loading the settings again."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from django_deploykit.checks.finding import Undecided
from django_deploykit.checks.project_settings import (
    find_assignment,
    secret_key,
    settings_sources,
)
from django_deploykit.conf.loading import command_line

# Settings without any of these, and without a function of the project, always give the same key.
_RANDOM = re.compile(
    r"\b(random\w*|Random|SystemRandom|secrets|token_\w+|urandom|uuid|uuid[1467]|get_random_\w+"
    r"|generate_\w*key|Fernet|getrandbits|randbytes)\b"
)
_READERS = re.compile(r"env|config|secret|setting|^(str|open|Path|bytes|getattr)$", re.IGNORECASE)
_SCRIPT = """
import hashlib
from django_deploykit.conf.class_settings import install_importer
install_importer()
from django.conf import settings
key = settings.SECRET_KEY
key = key if isinstance(key, bytes) else str(key).encode()
print("sha256", hashlib.sha256(key).hexdigest())
"""
_TIMEOUT = 60.0  # seconds


def key_changes(root: Path) -> bool:
    """Whether another process gets another SECRET_KEY. Raise :class:`Undecided` if it gets none.

    The settings are only loaded again if they could generate a key.
    """
    if not _may_change(root):
        return False
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", "") or "")
    key = getattr(module, "SECRET_KEY", None) or secret_key()
    data = key if isinstance(key, bytes) else str(key).encode()
    return _fresh_digest(root) != hashlib.sha256(data).hexdigest()


def _may_change(root: Path) -> bool:
    texts = [
        Path(path).read_text(encoding="utf-8", errors="replace") for path in settings_sources(root)
    ]
    if any(_RANDOM.search(text) for text in texts):
        return True
    node = find_assignment(root, "SECRET_KEY")
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)] if node else []
    return any(isinstance(one, ast.Name) and not _READERS.search(one.id) for one in calls)


def _fresh_digest(root: Path) -> str:
    """Return the digest of the key that a new process gets."""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
    }
    argv = [sys.executable, "-c", _SCRIPT, *command_line()]  # Config reads what runs
    try:
        done = subprocess.run(
            argv, cwd=root, env=environ, capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise Undecided("the settings did not load a second time within a minute") from None
    digest = re.search(r"^sha256 (\w{64})$", done.stdout, re.MULTILINE)
    if digest is None:
        raise Undecided("the settings did not load in a second process")
    return digest[1]
