"""The Python that is sent to a host that has none, so that the host can run verbs.

It is the interpreter of the project's bundles. It is kept in the cache folder of the login user, as a
layer is in a store: ``DIGEST/`` and ``DIGEST.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django_deploykit.runtime.bundle.head import COMPILE

_FOLDER = '"${XDG_CACHE_HOME:-$HOME/.cache}/django-deploykit/python"'
_FIND = 'if [ -z "$p" ]; then for p in {folder}/{digest}/python/bin/python3.*; do [ -x "$p" ] && break; p=; done; fi;'
# As the head of a bundle does it: nothing runs before its digest is compared.
_TAKE = """\
set -e; umask 077; d={folder}; mkdir -p "$d"; t=$(mktemp -d "$d/.incoming-XXXXXXXXXXXX"); \
trap 'rm -rf "$t"' EXIT; umask 022; cat > "$t/archive"; \
echo "{sha256}  $t/archive" | sha256sum -c --status; \
e=$(gzip -dc < "$t/archive" | tar -xof - -C "$t" 2>&1) || {{ printf '%s\\n' "$e" | head -n 1 >&2; exit 1; }}; p="$t/tree/python/bin/python{python}"; \
"$p" -I -S -c ''; "$p" {compile} -- "$t/tree/python/lib" >/dev/null 2>&1 || :; \
chmod 755 "$t/tree"; mv -T "$t/tree" "$d/{digest}" 2>/dev/null || [ -d "$d/{digest}" ]; \
mv -f "$t/list.json" "$d/{digest}.json"; \
find "$d" -mindepth 1 -maxdepth 1 -mtime +30 ! -name '{digest}*' -exec rm -rf '{{}}' +; \
echo '{{"result": {{}}}}'"""


@dataclass(frozen=True)
class HostPython:
    """An interpreter's layer: its digest, its version "3.12", its archive, and the archive's SHA-256."""

    digest: str
    python: str
    archive: Path
    sha256: str

    def take_script(self) -> str:
        """Return the shell script that stores the archive, which arrives on standard input."""
        return _TAKE.format(
            folder=_FOLDER,
            digest=self.digest,
            python=self.python,
            sha256=self.sha256,
            compile=COMPILE,
        )


FindPython = Callable[[], HostPython]


def find_script(digest: str = "*") -> str:
    """Return shell text that sets ``p`` to a Python that was sent, unless it is set.

    With a digest, it is only this one.
    """
    return _FIND.format(folder=_FOLDER, digest=digest)
