"""What the host verbs take on their command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Dict, Sequence

from .manifest import valid_digest, valid_release_id

VERBS = {
    "info": "what this bundle is",
    "verify": "hold every byte of this bundle against its digests",
    "setup": "make this host ready for the project (as root)",
    "install": "put this bundle live here, by hand",
    "site": "print a site for nginx or Caddy",
    "facts": "what a plan needs to know of this host",
    "hold": "hold the lock until standard input ends",
    "receive": "take layers from standard input",
    "list": "print a layer's file list",
    "stage": "build a release from its layers",
    "check": "run deploy_check in a release",
    "migrate": "run a release's migrations",
    "switch": "let a release take over",
    "settle": "finish or revert an interrupted switch",
    "prune": "remove old releases",
    "status": "what is live here",
    "history": "what happened here",
    "log": "the last lines of a process",
    "exec": "run a Django command with this host's configuration",
    "end": "stop a site that runs without systemd",
}
# Verbs of the controller alone; nobody calls them by hand.
_INNER = ("kin", "prepare", "keeper", "watch", "serve")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a verb; ends the process where they are wrong, as argparse does."""
    return _parser(arguments[0] if arguments else "").parse_args(list(arguments))


def _parser(verb: str) -> argparse.ArgumentParser:
    """Return the parser; of the longer verbs' modules only the one that is needed is loaded."""
    parser = argparse.ArgumentParser(
        prog="deploykit", description="Host verbs of django-deploykit."
    )
    parser.set_defaults(json=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made: Dict[str, argparse.ArgumentParser] = {}
    for name in [*VERBS, *_INNER]:
        made[name] = verbs.add_parser(name, help=VERBS.get(name), description=VERBS.get(name))
        made[name].add_argument("--json", action="store_true", help="JSON lines even on a terminal")
        made[name].add_argument("--root", type=Path, help="the site's folder, /srv/<project>")
    _release_arguments(made)
    made["site"].add_argument("server", choices=("nginx", "caddy"))
    made["site"].add_argument(
        "--static",
        choices=("whitenoise", "direct"),
        default="whitenoise",
        help="who serves static files: the release, or the web server itself",
    )
    made["site"].add_argument("--name", action="append", default=[], help="a name of the site")
    if verb == "install":
        from . import install

        install.add_arguments(made["install"])
    if verb == "setup":
        from . import setup

        setup.add_arguments(made["setup"])
    return parser


def _release_arguments(made: Dict[str, argparse.ArgumentParser]) -> None:
    for name in ("stage", "check", "migrate", "switch", "log", "exec", "prune", "kin"):
        made[name].add_argument("--release", type=_release, help="a release id")
    made["facts"].add_argument("--python", default="")
    made["hold"].add_argument("--owner", default="somebody")
    made["hold"].add_argument("--what", default="a release")
    made["hold"].add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    made["hold"].add_argument("--facts", action="store_true", help="tell the facts once it is held")
    made["hold"].add_argument("--python", default="")
    made["list"].add_argument("digest", type=_digest)
    made["migrate"].add_argument("--database", action="append", default=[])
    made["migrate"].add_argument("--owner", default="")
    made["switch"].add_argument("--action", choices=("release", "rollback"), default="release")
    made["switch"].add_argument("--owner", default="")
    made["log"].add_argument("--process", default="web")
    made["log"].add_argument("--lines", type=int, default=50)
    made["log"].add_argument("--follow", "-f", action="store_true")
    made["log"].add_argument(
        "--visible", action="store_true", help="spell control characters out, as on a terminal"
    )
    made["exec"].add_argument("argv", nargs="*", metavar="COMMAND")
    made["status"].add_argument("--quick", action="store_true", help="do not read every file")
    made["prepare"].add_argument("--site", required=True)


def _release(text: str) -> str:
    if not valid_release_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no release id")
    return text


def _digest(text: str) -> str:
    if not valid_digest(text):
        raise argparse.ArgumentTypeError("no digest")
    return text
