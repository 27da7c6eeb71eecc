"""The texts of a site's systemd units, and the sandbox of its processes (pure).

``<app>.socket`` listens for the site. Each release's web process is an instance of
``<app>-web@.service`` that gets this socket and its own, ``<app>-probe@.socket``. Other processes
are instances of ``<app>-PROCESS@.service``. ``<app>.service`` represents all of them: it starts the
live release at boot, and stops everything.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..base import names
from ..base.limits import systemd_limits
from ..base.site import Site
from ..base.variables import environment_file
from ..bundle.manifest import Process
from ..servers import SERVERS, server_in
from .apparmor import profile_name

FOLDER = Path("/etc/systemd/system")
_HEADER = "# Written by django-deploykit for {app} ({kind})"
_WRITTEN = re.compile(r"# Written by django-deploykit for ([a-z][a-z0-9-]*) \(([A-Za-z0-9_-]+)\)")

# The restrictions of a site's processes. MemoryDenyWriteExecute is missing because it breaks ctypes
# callbacks and numeric libraries. The network is allowed, for databases and mail servers.
_SANDBOX = (
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("AmbientCapabilities", ""),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateUsers", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectProc", "invisible"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("RemoveIPC", "yes"),
    ("KeyringMode", "private"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("SystemCallErrorNumber", "EPERM"),
    ("UMask", "0027"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of process with its own unit; ``notify``: systemd waits until it is ready."""

    name: str
    notify: bool = False


def kinds_of(processes: Iterable[Process], roles: Sequence[str]) -> Tuple[Kind, ...]:
    """Return the kinds of a Procfile that run on a host with these roles, ``web`` first."""
    found: Dict[str, Kind] = {}
    for process in processes:
        if process.name == "release" or (roles and process.name not in roles):
            continue
        server = server_in(process.command) if process.name == "web" else None
        found[process.name] = Kind(process.name, notify=server is not None and server.notifies)
    return tuple(sorted(found.values(), key=lambda kind: (kind.name != "web", kind.name)))


def helper_path(app: str) -> Path:
    """Return the path of the helper that runs as root for the deploy user."""
    return Path(names.helper_path(app))


def enabled_path(site: Site) -> Path:
    """Return the path of the file that names what starts at boot: a line ``RELEASE KIND...``."""
    return site.root / "enabled"


def unit_name(app: str, kind: str, release: str) -> str:
    """Return the name of an instance."""
    return f"{app}-{kind}@{release}.service"


def template_name(app: str, kind: str) -> str:
    """Return the file name of a process's unit."""
    return f"{app}-{kind}@.service"


def probe_path(site: Site, release: str) -> str:
    """Return the path of the socket on which only that release's web process responds."""
    return f"/run/{site.app}/probe-{release}.sock"


def units(site: Site, kinds: Sequence[Kind], user: str) -> Dict[str, str]:
    """Return the units of a site by file name; ``user`` is the deploy user."""
    web = any(kind.name == "web" for kind in kinds)
    found = {f"{site.app}.service": umbrella(site, web)}
    for kind in kinds:
        found[template_name(site.app, kind.name)] = service(site, kind)
        if kind.name == "web":
            found[f"{site.app}.socket"] = live_socket(site)
            found[f"{site.app}-probe@.socket"] = probe_socket(site, user)
    return found


def umbrella(site: Site, web: bool) -> str:
    """Return the unit that starts the live release and stops everything.

    With ``web`` processes it requires the socket: a socket that could not start, because another
    program listened there, cannot start later while this unit, its service, is active.
    """
    app = site.app
    return _unit(
        app,
        "all",
        {
            "Unit": [
                ("Description", f"{app}, the live release"),
                *([("Requires", f"{app}.socket")] if web else ()),
                ("After", f"{app}.socket network.target"),
                *(_if_web_runs(site) if web else ()),
            ],
            "Service": [
                ("Type", "oneshot"),
                ("RemainAfterExit", "yes"),
                ("ExecStart", f"{helper_path(app)} boot"),
            ],
            "Install": [("WantedBy", "multi-user.target")],
        },
    )


def _if_web_runs(site: Site) -> List[Tuple[str, str]]:
    """Return the conditions for listening: a release is live, or the first one starts.

    Without a process that accepts, visitors would wait instead of getting an error.
    """
    return [
        ("ConditionPathExists", f"|{site.current}"),
        ("ConditionPathExistsGlob", f"|{probe_path(site, '*')}"),
    ]


def live_socket(site: Site) -> str:
    """Return the unit of the socket on which the site listens."""
    lines = [
        ("ListenStream", site.listen),
        ("Service", f"{site.app}.service"),
        ("FileDescriptorName", "web"),
        ("Backlog", "2048"),
    ]
    if site.listen.startswith("/"):
        lines.append(("SocketMode", "0666"))
    else:
        lines += [("NoDelay", "yes")]
        if not _everywhere_or_loopback(site.listen):
            lines.append(("FreeBind", "yes"))  # the address may appear after the sockets
    return _unit(
        site.app,
        "socket",
        {
            "Unit": [
                ("Description", f"{site.app}, where the site listens"),
                *_if_web_runs(site),
            ],
            "Socket": lines,
            "Install": [("WantedBy", "sockets.target")],
        },
    )


def probe_socket(site: Site, user: str) -> str:
    """Return the unit of the socket on which only one release responds, for probes of ``user``."""
    app = site.app
    return _unit(
        app,
        "probe",
        {
            "Unit": [
                ("Description", f"{app}, probes of release %i"),
                ("PartOf", f"{app}.service"),
                ("Before", f"{app}.socket"),  # whose condition it is in a first release
            ],
            "Socket": [
                ("ListenStream", probe_path(site, "%i")),
                ("Service", f"{app}-web@%i.service"),
                ("FileDescriptorName", "probe"),
                # No other account may ask a release that is not live. The process inherits it open.
                ("SocketUser", user),
                ("SocketMode", "0600"),
                ("RemoveOnStop", "yes"),
            ],
        },
    )


def service(site: Site, kind: Kind) -> str:
    """Return the template unit of a process; its instances are releases."""
    app = site.app
    sockets = f"{app}.socket {app}-probe@%i.socket"
    web = kind.name == "web"
    unit = [
        ("Description", f"{app}, {kind.name} of release %i"),
        ("PartOf", f"{app}.service"),
        ("After", "network.target postgresql.service mariadb.service redis-server.service"),
        ("StartLimitIntervalSec", "0"),  # restart it until a late database is up
    ]
    if web:
        unit += [("Requires", sockets), ("After", sockets)]
    lines = [("Type", "notify"), ("NotifyAccess", "all")] if kind.notify else [("Type", "exec")]
    if web:
        # By default systemd makes the shared socket blocking at every start, also for the release
        # that runs: its event loop would stop in accept(2).
        lines += [("Sockets", sockets), ("NonBlocking", "yes")]
    lines += [
        ("ExecStart", f"/bin/sh {site.releases}/%i/bin/deploykit-run {kind.name}"),
        ("Restart", "always"),
        ("RestartSec", "2"),
        ("TimeoutStartSec", _seconds(site.boot)),
        ("TimeoutStopSec", _seconds(site.drain)),
        ("KillMode", "mixed"),
    ]
    if web:
        for server in SERVERS.values():
            environment = server.unit_environment(site.drain)
            lines += [("Environment", f"{key}={value}") for key, value in environment.items()]
    lines += systemd_limits(site.limits, kind.name)
    return _unit(app, kind.name, {"Unit": unit, "Service": [*lines, *sandbox(site)]})


def sandbox(site: Site) -> List[Tuple[str, str]]:
    """Return the properties of every process of a site, management commands included."""
    app = site.app
    return [
        ("User", app),
        ("Group", app),
        ("StateDirectory", app),
        ("StateDirectoryMode", "0750"),
        # The configuration belongs to root, so the process gets a private copy. An empty folder
        # hides the original, because settings fail on files that they cannot read.
        ("LoadCredential", f"{app}.ini:{site.ini}"),
        ("LoadCredential", f"conf.d:{site.etc}/conf.d"),
        ("TemporaryFileSystem", f"{site.etc}:ro"),
        # systemd reads it as root, before the process starts; with the dash a missing one is no error.
        ("EnvironmentFile", f"-{environment_file(site.etc, app)}"),
        # Applies if a profile with that name is loaded; with the dash a missing one is no error.
        ("AppArmorProfile", f"-{profile_name(app)}"),
        ("Environment", f"DEPLOYKIT_DATA={site.data}"),
        ("Environment", "PYTHONUNBUFFERED=1"),
        *_SANDBOX,
    ]


def run_properties(site: Site) -> List[Tuple[str, str]]:
    """Return the unit properties of a management command: the site's sandbox, and how it stops."""
    return [*sandbox(site), ("KillMode", "mixed"), ("TimeoutStopSec", _seconds(site.drain))]


def written_for(text: str) -> Optional[Tuple[str, str]]:
    """Return the app and the kind that a unit was written for, or None if the unit is foreign."""
    match = _WRITTEN.match(text)
    return (match.group(1), match.group(2)) if match else None


def installed_kinds(app: str, texts: Mapping[str, str]) -> Tuple[Kind, ...]:
    """Return the kinds with installed units; ``texts`` are units by file name."""
    found = []
    for name, text in texts.items():
        owner = written_for(text)
        if owner and owner[0] == app and name == template_name(app, owner[1]):
            found.append(Kind(owner[1], "\nType=notify\n" in text))
    return tuple(sorted(found, key=lambda kind: (kind.name != "web", kind.name)))


def listening(app: str, texts: Mapping[str, str]) -> str:
    """Return the address of the app's installed socket, or an empty string if there is none."""
    match = re.search(r"^ListenStream=(.*)$", texts.get(f"{app}.socket", ""), re.MULTILINE)
    return match[1] if match else ""


def read_units(app: str, folder: Path = FOLDER) -> Dict[str, str]:
    """Return the units in ``folder`` that were written for the app, by file name."""
    found = {}
    for path in sorted(folder.glob(f"{app}*")):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except (OSError, UnicodeDecodeError):
            continue
        owner = written_for(text)
        if owner and owner[0] == app:
            found[path.name] = text
    return found


def _unit(app: str, kind: str, sections: Mapping[str, Sequence[Tuple[str, str]]]) -> str:
    lines = [_HEADER.format(app=app, kind=kind), "# Do not edit; use a drop-in: systemctl edit."]
    for title, options in sections.items():
        lines += ["", f"[{title}]", *(f"{key}={value}" for key, value in options)]
    return "\n".join(lines) + "\n"


def _seconds(value: float) -> str:
    return f"{value:g}s"


def _everywhere_or_loopback(listen: str) -> bool:
    try:
        address = ipaddress.ip_address(listen.rpartition(":")[0].strip("[]"))
    except ValueError:  # site.json was edited
        return False
    return address.is_loopback or address.is_unspecified
