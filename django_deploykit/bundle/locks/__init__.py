"""Lock files, with one reader in each module. Their names are only in ``READERS``."""

from __future__ import annotations

from django_deploykit.bundle.locks import pdm, pipenv, poetry, pylock, requirements, uv
from django_deploykit.bundle.locks.base import Reader

# Readers by file name, in the order in which they are looked for in a project. A name with ``*``
# only matches a file that deploykit.ini names.
READERS: dict[str, Reader] = {
    "uv.lock": uv.READER,
    "pylock.toml": pylock.READER,
    "poetry.lock": poetry.READER,
    "pdm.lock": pdm.READER,
    "Pipfile.lock": pipenv.READER,
    "requirements.lock": requirements.READER,
    "requirements.txt": requirements.READER,
    "requirements/production.txt": requirements.READER,
    "requirements/prod.txt": requirements.READER,
    "requirements/base.txt": requirements.READER,
    "*.toml": pylock.READER,
    "*": requirements.READER,
}
