"""The host's command line: ``./shop.pyz deploykit VERB …``, or the runtime sent by a controller."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path
from typing import Sequence

from ..base import deploy_lock
from ..base.accounts import become_owner
from ..base.errors import INTERRUPTED, DeployKitError
from ..base.hints import by_hand, is_by_hand, program_hint, setup_command, verb_command
from ..base.interruption import listen_for_interrupts
from ..base.printable import printable
from ..base.trusted_folders import forget_untrusted
from ..wire.events import Activity
from ..wire.voice import Voice
from .registry import Invocation, Verb
from .verbs import all_verbs, find_verb, is_for_people, verbs_for_people


def main(arguments: Sequence[str], path: Path, *, in_bundle: bool = True) -> int:
    """Run a verb and return its exit code.

    ``path`` is the file that this process runs from: a bundle, or a runtime archive.
    """
    forget_untrusted(os.environ)
    with by_hand(path if in_bundle else None):
        return _main(parse(arguments, in_bundle=in_bundle), path)


def _main(options: argparse.Namespace, path: Path) -> int:
    verb = find_verb(options.verb)
    assert verb is not None
    # Keep errors out of the output of a verb that prints text.
    person = verb.prints_text or sys.stdout.isatty() or (is_by_hand() and is_for_people(verb.name))
    voice = Voice(person=person and not options.json)
    try:
        if not verb.own_input and not sys.stdin.isatty():
            listen_for_interrupts(sys.stdin.fileno())
        call_verb = lambda words: main(words, path, in_bundle=False)  # noqa: E731
        run = Invocation(options, path, voice, call_verb)
        if not verb.keeps_root:
            options.root = run.root
            become_owner(run.root, (str(path), os.__file__))
        return _run(verb, run)
    except DeployKitError as error:
        voice.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        voice.error(DeployKitError("interrupted; nothing was switched", "", INTERRUPTED))
        return INTERRUPTED
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        text = f"{verb.name} failed:{where} {error.strerror or error}"
        voice.error(DeployKitError(text, program_hint(error) or _hint(error)))
        return 1


def _hint(error: OSError) -> str:
    """Return what to do about a file of root's in the site's folder, which setup gives back."""
    try:
        owned = error.filename and os.lstat(error.filename).st_uid == 0
    except OSError:
        owned = False
    if not owned or error.errno != errno.EACCES:
        return ""
    return f"It belongs to root. Give it back: {setup_command()}"


def _run(verb: Verb, run: Invocation) -> int:
    if verb.changes_site:
        waiting = lambda text: run.voice.emit(Activity("wait", text))  # noqa: E731
        with deploy_lock.exclusive(run.site.root, verb.name, waiting):
            result = verb.run(run)
    else:
        result = verb.run(run)
    if verb.prints_text:
        assert isinstance(result, int)
        return result
    run.voice.result(result, verb.next_step(result) if is_by_hand() else "")
    return verb.exit_code(result)


def parse(arguments: Sequence[str], *, in_bundle: bool = True) -> argparse.Namespace:
    """Parse a verb's options; on an error, end the process with argparse's message."""
    if list(arguments) in (["--help", "all"], ["-h", "all"]):
        verb_parser("", in_bundle=in_bundle, everything=True).print_help()
        sys.exit(0)
    name = arguments[0] if arguments else ""
    parser = verb_parser(name, in_bundle=in_bundle)
    if not name:
        parser.error(f"expected a verb{_listing()}")
    if name and not name.startswith("-") and find_verb(name) is None:
        parser.error(_unknown(name))
    options, unknown = parser.parse_known_args(list(arguments))
    usage = options.__dict__.pop("usage")  # of the verb
    if unknown:
        usage.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _listing() -> str:
    """Return the line that says where the verbs are listed."""
    return f"\n`{verb_command('--help')}` lists the verbs." if is_by_hand() else ""


def _unknown(name: str) -> str:
    """Return what to say about a verb that does not exist."""
    from difflib import get_close_matches

    close = get_close_matches(name, [one.name for one in verbs_for_people()], 1)
    meant = f"; did you mean `{verb_command(close[0])}`?" if close else ""
    return f"argument VERB: invalid choice: {printable(name)!r}{meant}{_listing()}"


def verb_parser(
    name: str, *, in_bundle: bool = True, everything: bool = False
) -> argparse.ArgumentParser:
    """Return the parser. With a verb's name it only knows that verb: adding all verbs is slow.

    Its help only lists the verbs that people call, or ``everything``. Outside of a bundle there is
    no project name that ``--root`` could be derived from.
    """
    parser = argparse.ArgumentParser(
        prog=verb_command("").rstrip() if is_by_hand() else "deploykit",
        description="Host verbs of django-deploykit.",
        epilog=None if everything else "--help all also lists the verbs that releases call.",
    )
    parser.set_defaults(json=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    found = find_verb(name)
    people = [] if found else verbs_for_people()
    others = [found] if found else [one for one in all_verbs() if one not in people]
    for one in [*people, *others]:
        if one in people or everything:
            added = verbs.add_parser(one.name, description=one.help, help=one.help)
        else:
            added = verbs.add_parser(one.name, description=one.help)
        added.set_defaults(usage=added)
        added.add_argument("--json", action="store_true", help="print JSON lines, not text")
        added.add_argument(
            "--root",
            type=Path,
            required=not in_bundle,
            help="the site's folder; default: where setup put it, else /srv/PROJECT",
        )
        for argument in one.arguments:
            argument(added)
    return parser
