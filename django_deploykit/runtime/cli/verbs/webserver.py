"""Verbs for the web server in front of a site."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, List, Sequence, Tuple

from ...base.errors import DeployKitError
from ...base.hints import as_root, verb_command
from ...base.site import live_release
from ...base.site_options import argument_type, read_count
from ...deploy.probing import probe_host
from ...storage.virtualenv import load_release
from ...supervisors.local import program_of
from ..registry import Argument, Invocation, argument, text_verb

if TYPE_CHECKING:
    from ...webservers.base import FrontOptions


def _server(parser: argparse.ArgumentParser) -> None:
    from ...webservers import WEBSERVERS

    parser.add_argument("server", choices=tuple(WEBSERVERS))


def _number(name: str, metavar: str, help_text: str) -> Argument:
    return argument(name, type=argument_type(read_count), metavar=metavar, help=help_text)


_ARGUMENTS: Tuple[Argument, ...] = (
    _server,
    argument(
        "--static",
        choices=("whitenoise", "direct"),
        default="whitenoise",
        help="who serves static files: the release, or the web server itself",
    ),
    argument("--name", action="append", default=[], help="a name of the site; may be repeated"),
    argument("--certificate", metavar="FILE", default="", help="a certificate with its chain"),
    argument(
        "--key", metavar="FILE", default="", help="its key; default: privkey.pem in its folder"
    ),
    argument("--media", metavar="URL", default="", help="the web server serves uploads below it"),
    argument(
        "--media-folder",
        metavar="FOLDER",
        default="",
        help="the folder of uploads; default: media in the site's data folder",
    ),
    _number("--upload-limit", "MIB", "the largest request; default: 20"),
    _number(
        "--time-limit",
        "SECONDS",
        "how long an answer may take; default: 60, or longer than the application server's limit",
    ),
)


@text_verb("webserver", "print a site configuration for the web server in front", *_ARGUMENTS)
def webserver(run: Invocation) -> int:
    """Print the configuration for a web server in front of the site."""
    from ...webservers import website
    from ...webservers.base import time_limit

    site, options = run.site, run.options
    live = live_release(site)
    manifest = load_release(site.releases / live) if live else None
    static_url = manifest.static_url if manifest else "/static/"
    static_root = manifest.static_root if manifest and options.static == "direct" else ""
    if options.static == "direct" and not static_root:
        raise DeployKitError("no release with static files is live here", "Release first.")
    names = options.name or ([probe_host(site, live)] if live else [])
    web = [one.command for one in manifest.processes if one.name == "web"] if manifest else []
    chosen = front_options(options, site.data, time_limit(web[0] if web else ""))
    print(website(site, options.server, static_url, static_root, names, chosen), end="")
    return 0


def front_options(
    options: argparse.Namespace, data: Path = Path("/"), seconds: int = 0
) -> FrontOptions:
    """Return what the arguments choose; ``seconds`` is the default time limit."""
    from ...webservers.base import UPLOAD_LIMIT, FrontOptions

    certificate, media = options.certificate, options.media
    if options.key and not certificate:
        raise DeployKitError("--key needs --certificate")
    if options.media_folder and not media:
        raise DeployKitError("--media-folder needs --media", "Write --media /media/, for example.")
    key = options.key or (str(Path(certificate).with_name("privkey.pem")) if certificate else "")
    return FrontOptions(
        certificate=certificate,
        key=key,
        media_url=media if not media or media.endswith("/") else media + "/",
        media_folder=(options.media_folder.rstrip("/") or str(data / "media")) if media else "",
        upload_limit=options.upload_limit or UPLOAD_LIMIT,
        time_limit=options.time_limit or seconds,
        version=_version(options.server),
    )


def _version(server: str) -> Sequence[int]:
    """Return the version of nginx on this host; the files of the others are the same for all."""
    if server != "nginx":
        return ()
    from ...webservers.install import nginx_version

    return nginx_version()


@text_verb(
    "install-webserver",
    "install and check the configuration for the web server in front (as root)",
    *_ARGUMENTS,
    keeps_root=True,
)
def install_webserver(run: Invocation) -> int:
    """Write the file, test it and let the web server load it; take it back if that fails."""
    from ...webservers import website_places
    from ...webservers.install import install_website

    options = run.options
    if os.geteuid() != 0:
        command = as_root(verb_command("install-webserver …"))
        raise DeployKitError("install-webserver needs root", f"Run `{command}`.")
    if not options.name:
        raise DeployKitError("install-webserver needs the site's names", "Add --name.")
    chosen = front_options(options)
    text = _printed(run)
    app = text[2:].partition(",")[0]
    place = Path(website_places(app)[options.server])
    for line in install_website(options.server, place, text, options.name, chosen):
        print(line, flush=True)
    return 0


def _printed(run: Invocation) -> str:
    """Return what the verb `webserver` prints, in a process that becomes the owner of the site."""
    options = run.options
    words: List[str] = [*program_of(run.path), "webserver", options.server]
    words += ["--root", str(run.root), "--static", options.static]
    names = ("certificate", "key", "media", "media_folder", "upload_limit", "time_limit")
    for name in names:
        if getattr(options, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    for name in options.name:
        words += ["--name", name]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise DeployKitError("nothing was changed: `webserver` failed, see its error")
    return done.stdout
