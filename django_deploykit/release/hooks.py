"""Runs hooks: the user's own commands around a release, on the machine that releases."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from django_deploykit.errors import DeployKitError


def run_hooks(
    commands: Mapping[str, tuple[str, ...]],
    name: str,
    facts: Mapping[str, str],
    folder: Path,
    note: Callable[[str], None],
) -> None:
    """Run a hook's commands in ``folder``.

    The commands get ``facts`` as environment variables named DEPLOYKIT_NAME. A command that fails
    raises :class:`DeployKitError`, which stops the release. In ``after_switch`` and
    ``after_failure``, it only causes a warning.
    """
    env = {**os.environ, "DEPLOYKIT_HOOK": name}
    env |= {f"DEPLOYKIT_{key.upper()}": value for key, value in facts.items()}
    for command in commands.get(name, ()):
        note(f"{name}: {command}")
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for line in done.stdout.splitlines()[-20:]:
            note(f"  {line}")
        if done.returncode == 0:
            continue
        text = f"the hook {name} failed with exit code {done.returncode}: {command}"
        if name in ("after_switch", "after_failure"):
            note(f"warning: {text}")
        else:
            raise DeployKitError(text, "\n".join(done.stdout.splitlines()[-20:]))
