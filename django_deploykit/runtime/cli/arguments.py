"""What the host verbs take on their command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Callable, Dict, Sequence

from ..base.names import valid_digest, valid_release_id

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
    """Return the parser; where the verb is known, for that one alone: making all of them takes a while."""
    parser = argparse.ArgumentParser(
        prog="deploykit", description="Host verbs of django-deploykit."
    )
    parser.set_defaults(json=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    made: Dict[str, argparse.ArgumentParser] = {}
    for name in [verb] if verb in (*VERBS, *_INNER) else [*VERBS, *_INNER]:
        made[name] = verbs.add_parser(name, help=VERBS.get(name), description=VERBS.get(name))
        made[name].add_argument("--json", action="store_true", help="JSON lines even on a terminal")
        made[name].add_argument("--root", type=Path, help="the site's folder, /srv/<project>")
    for name, add in _ARGUMENTS.items():
        if name in made:
            add(made[name])
    if verb == "install":
        from ..deploy import install

        install.add_arguments(made["install"])
    if verb == "setup":
        from ..provision import setup

        setup.add_arguments(made["setup"])
    return parser


def _one_release(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", type=_release, help="a release id")


def _facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", default="")


def _hold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", default="somebody")
    parser.add_argument("--what", default="a release")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--facts", action="store_true", help="tell the facts once it is held")
    parser.add_argument("--python", default="")


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("digest", type=_digest)


def _migrate(parser: argparse.ArgumentParser) -> None:
    _one_release(parser)
    parser.add_argument("--database", action="append", default=[])
    parser.add_argument("--owner", default="")


def _switch(parser: argparse.ArgumentParser) -> None:
    _one_release(parser)
    parser.add_argument("--action", choices=("release", "rollback"), default="release")
    parser.add_argument("--owner", default="")


def _log(parser: argparse.ArgumentParser) -> None:
    _one_release(parser)
    parser.add_argument("--process", default="web")
    parser.add_argument("--lines", type=int, default=50)
    parser.add_argument("--follow", "-f", action="store_true")
    parser.add_argument(
        "--visible", action="store_true", help="spell control characters out, as on a terminal"
    )


def _exec(parser: argparse.ArgumentParser) -> None:
    _one_release(parser)
    parser.add_argument("argv", nargs="*", metavar="COMMAND")


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="do not read every file")


def _prepare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", required=True)


def _site(parser: argparse.ArgumentParser) -> None:
    from ..provision.webservers import WEBSERVERS

    parser.add_argument("server", choices=tuple(WEBSERVERS))
    parser.add_argument(
        "--static",
        choices=("whitenoise", "direct"),
        default="whitenoise",
        help="who serves static files: the release, or the web server itself",
    )
    parser.add_argument("--name", action="append", default=[], help="a name of the site")


def _release(text: str) -> str:
    if not valid_release_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no release id")
    return text


def _digest(text: str) -> str:
    if not valid_digest(text):
        raise argparse.ArgumentTypeError("no digest")
    return text


_ARGUMENTS: Dict[str, Callable[[argparse.ArgumentParser], None]] = {
    **dict.fromkeys(("stage", "check", "prune", "kin"), _one_release),
    "facts": _facts,
    "hold": _hold,
    "list": _list,
    "migrate": _migrate,
    "switch": _switch,
    "log": _log,
    "exec": _exec,
    "status": _status,
    "prepare": _prepare,
    "site": _site,
}
