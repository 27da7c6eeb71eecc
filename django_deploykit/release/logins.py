"""Which user a release logs in as (pure)."""

from __future__ import annotations

from collections.abc import Callable

from django_deploykit.errors import DeployKitError
from django_deploykit.project.inventory import Environment, Host


def root_login(environment: Environment, user_of: Callable[[Host], str]) -> DeployKitError | None:
    """Return the error for hosts that would be entered as root, or None. Only setup enters as root.

    The deploy user could not replace the files that root leaves in the site's folder. ``user_of``
    returns the login user of a host.
    """
    names = [host.name for host in environment.hosts if user_of(host) == "root"]
    if not names:
        return None
    section, word = f"[environment:{environment.name}]", environment.name
    return DeployKitError(
        f"root must not release, and is the login user of {', '.join(names)}",
        f"Name the deploy user in {section} of deploykit.ini: hosts = deploy@ADDRESS. "
        f"`manage.py release {word} setup --user root` creates that user.",
    )
