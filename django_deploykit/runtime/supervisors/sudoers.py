"""The text of the sudoers file for the root helper (pure)."""

from __future__ import annotations

from .systemd_units import helper_path


def sudoers(app: str, user: str) -> str:
    """Return the file that lets the deploy user run the helper, and nothing else, as root.

    Verbs have no terminal, which some administrators let sudo require.
    """
    return (
        f"# Written by django-deploykit for {app} (sudoers)\n"
        f"Defaults!{helper_path(app)} !requiretty\n"
        f"{user} ALL=(root) NOPASSWD: {helper_path(app)}\n"
    )
