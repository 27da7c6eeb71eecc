"""The sections ``[process:NAME]`` of deploykit.ini: what each process may use."""

from __future__ import annotations

from django_deploykit.conf.ini import Ini
from django_deploykit.project.values import Keys, read_section
from django_deploykit.runtime.base.limits import LIMITS, limit_text
from django_deploykit.runtime.base.names import PROCESS_NAME

PROCESS: Keys = {name: (limit.read, limit.help) for name, limit in LIMITS.items()}


def read_process_limits(ini: Ini, problems: list[str]) -> tuple[str, ...]:
    """Return the limits in all sections, as the site's option; mistakes are added to ``problems``."""
    found: list[str] = []
    for section, options in ini.sections.items():
        kind, _, name = (part.strip() for part in section.partition(":"))
        if kind != "process":
            continue
        if not PROCESS_NAME.match(name):
            where = next((option.where for option in options.values()), f"[{section}]")
            problems.append(f"{where}: [process:NAME] needs the name of a process, not {name!r}")
            continue
        values = read_section(f"process:{name}", options, PROCESS, problems)
        found += [limit_text(name, key, value) for key, value in values.items()]
    return tuple(found)
