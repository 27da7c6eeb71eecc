"""The registry of host verbs. A verb is a decorated function in a module of ``verbs``.

The function gets an :class:`Invocation`. Its decorator declares what callers see::

    @verb(STAGE, "build a release from its layers", RELEASE, changes_site=True)
    def stage(run: Invocation) -> StageResult: ...
"""

from __future__ import annotations

import argparse
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Pattern, Sequence, Tuple, TypeVar

from ..base.errors import LIVE, DeployKitError
from ..base.moments import read_moment
from ..base.names import valid_digest, valid_release_id
from ..base.site import Site, load_site
from ..base.site_options import argument_type, read_count, read_seconds
from ..bundle.reader import BundleFile
from ..supervisors.local import program_of
from ..wire.calls import Call
from ..wire.logs import MOST_LINES
from ..wire.voice import Voice

T = TypeVar("T")
Argument = Callable[[argparse.ArgumentParser], object]


@dataclass(frozen=True)
class Invocation:
    """A call of a verb; ``path`` is the bundle or the runtime archive that runs.

    ``call_verb`` runs another verb with the given arguments and returns its exit code.
    """

    options: argparse.Namespace
    path: Path
    voice: Voice
    call_verb: Callable[[Sequence[str]], int]

    @property
    def root(self) -> Path:
        """The site's folder: the named one, else where setup put the bundle's project."""
        if self.options.root:
            return Path(os.path.abspath(self.options.root))
        from ..supervisors.helper_reader import usual_root

        with BundleFile(self.path) as bundle:
            return usual_root(bundle.manifest.project)

    @property
    def site(self) -> Site:
        """The site, which must be set up."""
        return load_site(self.root)

    @property
    def program(self) -> List[str]:
        """The command that runs verbs of this runtime."""
        return program_of(self.path)


@dataclass(frozen=True)
class Verb:
    """A verb and its properties.

    ``prints_text``: its standard output is its own text, and its result is an exit code.
    ``own_input``: the verb reads standard input. For other verbs, a line on standard input
    interrupts them. ``changes_site``: only one such verb runs at a time. ``listed``: the reference has a row.
    ``keeps_root``: it does not open anything in the site's folder. When root calls another verb,
    the process first becomes the owner of that folder.
    ``exit_code`` derives the exit code from the result, and ``next_step`` what a person by hand
    does next.
    """

    name: str
    help: str
    arguments: Tuple[Argument, ...]
    run: Callable[[Invocation], object]
    prints_text: bool = False
    own_input: bool = False
    changes_site: bool = False
    listed: bool = True
    keeps_root: bool = False
    exit_code: Callable[[Any], int] = lambda _: LIVE
    next_step: Callable[[Any], str] = lambda _: ""


VERBS: Dict[str, Verb] = {}


def verb(
    call: Call[T],
    help_text: str,
    *arguments: Argument,
    own_input: bool = False,
    changes_site: bool = False,
    listed: bool = True,
    keeps_root: bool = False,
    exit_code: Callable[[T], int] = lambda _: LIVE,
    next_step: Callable[[T], str] = lambda _: "",
) -> Callable[[Callable[[Invocation], T]], Callable[[Invocation], T]]:
    """Register a function as the verb that answers a call."""

    def register(run: Callable[[Invocation], T]) -> Callable[[Invocation], T]:
        VERBS[call.name] = Verb(
            call.name,
            help_text,
            arguments,
            run,
            own_input=own_input,
            changes_site=changes_site,
            listed=listed,
            keeps_root=keeps_root,
            exit_code=exit_code,
            next_step=next_step,
        )
        return run

    return register


def text_verb(
    name: str,
    help_text: str,
    *arguments: Argument,
    own_input: bool = False,
    listed: bool = True,
    keeps_root: bool = False,
) -> Callable[[Callable[[Invocation], int]], Callable[[Invocation], int]]:
    """Register a function as a verb that prints text and returns its exit code."""

    def register(run: Callable[[Invocation], int]) -> Callable[[Invocation], int]:
        VERBS[name] = Verb(
            name,
            help_text,
            arguments,
            run,
            prints_text=True,
            own_input=own_input,
            listed=listed,
            keeps_root=keeps_root,
        )
        return run

    return register


def argument(*names: str, **options: Any) -> Argument:
    """Return a verb's argument, as for :meth:`argparse.ArgumentParser.add_argument`."""
    return lambda parser: parser.add_argument(*names, **options)


def release_id(text: str) -> str:
    """Return a release id; raise argparse's error if the text is not one."""
    if not valid_release_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a release id")
    return text


def digest(text: str) -> str:
    """Return a layer's digest; raise argparse's error if the text is not one."""
    if not valid_digest(text):
        raise argparse.ArgumentTypeError("not a digest")
    return text


def _read_line_count(text: str) -> int:
    """Return a number of log lines, from 1 to 99999."""
    found = read_count(text)
    if found > MOST_LINES:
        raise ValueError(f"must be at most {MOST_LINES}, not {text!r}")
    return found


def _read_pattern(text: str) -> Pattern[str]:
    """Return a compiled regular expression."""
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a regular expression, not {text!r}: {error}") from None


line_count = argument_type(_read_line_count)
seconds = argument_type(read_seconds)
moment = argument_type(lambda text: read_moment(text, time.time()))
pattern = argument_type(_read_pattern)

RELEASE = argument("--release", type=release_id, required=True, help="a release id")
SOME_RELEASE = argument("--release", type=release_id, help="a release id")
WAIT = argument(
    "--wait", type=seconds, default=0.0, metavar="SECONDS", help="wait for the deploy lock"
)
OWNER = argument("--owner", default="", help="who asks, for the journal")
PYTHON = argument("--python", default="", help="the version that a bundle needs, X.Y")


def live_of(site: Site, named: Optional[str]) -> str:
    """Return the named release, or the live one if none is named."""
    from ..base.site import live_release

    found = named or live_release(site)
    if found is None:
        from ..base.hints import install_command

        raise DeployKitError("nothing is live here", f"Put a release live: {install_command()}")
    return found
