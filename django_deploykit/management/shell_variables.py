"""Notes about environment variables that a release to ``local`` does not use, or should not show."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from django_deploykit.runtime.base.option_names import prefix
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.base.variables import environment_file
from django_deploykit.runtime.supervisors.local_daemon import passed_environment


def iter_notes(site: Site, reads: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield notes; ``reads`` are the names that the settings read."""
    path = environment_file(site.etc, site.app)
    names = unused_variables(site.app, reads, environ)
    if names:
        yield (
            f"note: not used, though exported in this shell: {', '.join(names)}. A release reads "
            f"{path} and {site.ini}"
        )
    if path.exists() and path.stat().st_mode & 0o077:
        yield f"note: other users can read {path}: chmod 600 {shlex.quote(str(path))}"


def unused_variables(app: str, reads: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the exported variables that the settings would read, but processes do not get.

    >>> unused_variables("shop", ["DEBUG", "PATH"], {"PATH": "/bin", "SHOP_DEBUG": "1", "A": "1"})
    ['SHOP_DEBUG']
    """
    wanted = {prefix(app) + name for name in reads}.union(reads)
    wanted |= {f"{name}_FILE" for name in wanted}
    exported = wanted & environ.keys()
    return sorted(exported - passed_environment(environ).keys())
