"""The actions that take a site off a host: everything that setup and releases made (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Optional, Tuple

from ..base.names import HELPERS
from ..supervisors.systemd_units import FOLDER, helper_path, installed_kinds, unit_name
from .plan import SUDOERS, Action

_RELEASES = re.compile(r"^ExecStart=/bin/sh (/\S+)/releases/%i/bin/deploykit-run ", re.MULTILINE)
# Folders that setup may have made for root's files.
MADE = (HELPERS,)
_TOKEN = "[0-9a-f]" * 16  # in the name of the unit of a management command


@dataclass(frozen=True)
class Website:
    """A site's file of a web server, the links and imports that enable it, and the service."""

    server: str
    file: str
    links: Tuple[str, ...] = ()
    importer: str = ""  # a file with a line that imports this one


@dataclass(frozen=True)
class Installed:
    """What setup and releases left on a host; empty values are missing there.

    ``units`` are the texts of units by file name. ``site_account`` and ``deploy_account`` are the
    accounts that setup made. ``busy`` says why the deploy account stays. ``caches`` are folders by
    the account that owns them. ``data_owner`` is the owner of the folder ``data``.
    """

    app: str
    units: Mapping[str, str]
    folder: str = ""
    files: Tuple[str, ...] = ()
    trees: Tuple[str, ...] = ()
    caches: Tuple[Tuple[str, str], ...] = ()
    websites: Tuple[Website, ...] = ()
    site_account: str = ""
    deploy_account: str = ""
    deploy_uid: int = -1
    data: str = ""
    data_owner: str = ""
    configuration: Tuple[str, ...] = ()
    pythons: Tuple[str, ...] = ()  # root's copies of a bundle's own Python
    profile: str = ""  # of AppArmor
    empty: Tuple[str, ...] = ()  # folders that setup made, with nothing else in them


def folder_of(units: Mapping[str, str]) -> Optional[str]:
    """Return the site's folder that root's units name, or None.

    Root's helper names it too (``helper_reader.site_folder``), but an interrupted removal may have
    removed the helper already.
    """
    found = (_RELEASES.search(text) for text in units.values())
    return next((match.group(1) for match in found if match), None)


def root_paths(app: str) -> Tuple[str, ...]:
    """Return the files of root besides the units, the one that gives access first."""
    return str(SUDOERS / f"deploykit-{app}"), str(helper_path(app))


def removal_plan(found: Installed, data: bool) -> Tuple[Action, ...]:
    """Return the necessary actions in order; none if nothing is left.

    ``data``: also remove the data and the configuration. The units' files go last, because they say
    where the site's folder is.
    """
    return (
        *_stop(found),
        *(Action("remove", path) for path in found.files),
        *([Action("unprofile", found.profile)] if found.profile else []),
        *_websites(found),
        *(Action("tree", path) for path in (found.folder, *found.trees) if path),
        *(Action("cache", path, owner=owner) for owner, path in found.caches),
        *_data(found, data),
        *_accounts(found),
        *(Action("remove", str(FOLDER / name)) for name in sorted(found.units)),
        *([Action("reload", "")] if found.units else []),
        *(Action("empty", path) for path in found.empty),
        # The bundle's own Python may run this process, so it goes last.
        *(Action("tree", path) for path in found.pythons),
    )


def _stop(found: Installed) -> Iterator[Action]:
    app = found.app
    names = [name for name in (f"{app}.socket", f"{app}.service") if name in found.units]
    kinds = installed_kinds(app, found.units)
    patterns = [unit_name(app, kind.name, "*") for kind in kinds]
    if f"{app}-probe@.socket" in found.units:
        patterns.append(f"{app}-probe@*.socket")
    if found.units:
        words = [*names, *patterns, f"{app}-run-{_TOKEN}.service"]
        yield Action("halt", app, "\n".join(words))
    for name in names:
        yield Action("disable", name)


def _websites(found: Installed) -> Iterator[Action]:
    for one in found.websites:
        yield from (Action("remove", link) for link in one.links)
        if one.importer:
            yield Action("line", one.importer, f"import {Path(one.file).name}")
        yield Action("remove", one.file)
        yield Action("refresh", one.server)


def _data(found: Installed, data: bool) -> Iterator[Action]:
    if data:
        yield from (Action("tree", path) for path in (found.data, *found.configuration) if path)
    elif found.data and found.data_owner != "root":
        # Another account may get this uid, and must not get the data with it.
        yield Action("keep", found.data)


def _accounts(found: Installed) -> Iterator[Action]:
    if found.site_account:
        yield Action("unuser", found.site_account)
    if found.deploy_account:
        yield Action("unlogin", found.deploy_account, str(found.deploy_uid))


def kept_paths(found: Installed, data: bool) -> Tuple[str, ...]:
    """Return what stays: the data and the configuration."""
    return () if data else tuple(path for path in (found.data, *found.configuration) if path)
