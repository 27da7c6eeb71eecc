"""Runs a command line of ``manage.py``: Django does, and this module answers where it cannot start."""

from __future__ import annotations

import importlib
import linecache
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import ManagementUtility, load_command_class
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    handle_default_options,
)

from django_deploykit.conf.class_settings import OPTION, install_importer
from django_deploykit.conf.commands import misspelt
from django_deploykit.conf.errors import ConfigError
from django_deploykit.conf.loading import asks_for_help
from django_deploykit.conf.required_variables import ASSUMED, required_variable
from django_deploykit.conf.start_failure import StartFailure, in_settings, start_failure
from django_deploykit.runtime.base.errors import WRONG_USE
from django_deploykit.runtime.base.printable import printable

_APP = "django_deploykit"
# They read commits and hosts, so they start without the settings. That is twice as fast, and a
# broken working copy does not stop them.
_WITHOUT_SETTINGS = ("bundle", "release")
# With these, deploy_check uses the environment of this machine, or checks nothing.
_ON_A_HOST = frozenset(("--server", "--list", "--explain"))
# With these, it checks with the settings that are given.
_GIVEN = frozenset(("--settings", OPTION))


class _Utility(ManagementUtility):
    """Django's, but ``deploy_check`` also checks projects without our app in INSTALLED_APPS."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        if subcommand != "deploy_check":
            return super().fetch_command(subcommand)
        _ = settings.INSTALLED_APPS  # raises again what Django has kept so far
        return load_command_class(_APP, subcommand)


def execute(given: Sequence[str] | None = None) -> None:
    """Run a command line, which starts with the program."""
    argv = list(given or sys.argv)
    words = argv[1:] or ["help"]
    if words[0] in _WITHOUT_SETTINGS and not settings.configured:
        settings.configure()
        load_command_class(_APP, words[0]).run_from_argv(argv)
        return
    if asks_for_help(words):
        with _help_without_settings(argv):
            ManagementUtility(argv).execute()
        return
    try:
        if words[0] == "deploy_check" and not _ON_A_HOST.intersection(argv[2:]):
            _choose_settings(argv)
        install_importer()
        _Utility(argv).execute()
    except (Exception, SystemExit) as error:
        starting = isinstance(error, Exception) and words[0] == "deploy_check"
        failure = start_failure(error) if starting or in_settings(error) else None
        if failure is None:
            raise
        _report(argv, error, failure)
    else:
        return
    sys.exit(WRONG_USE)  # outside of the block: the exception has been reported


def _choose_settings(argv: Sequence[str]) -> None:
    """Let ``deploy_check`` load the settings that serve the site, if manage.py names others.

    Variables that are not set have the values of ``[bundle] environment``. If the settings are
    loaded already, it runs in another process (see docs/decisions/0038).
    """
    from django_deploykit.project import (
        nearest_root,
        production_settings,
        read_project,
        starting_folder,
    )

    if settings.configured:
        return
    start = starting_folder(argv[0], Path.cwd())
    project = read_project(nearest_root(start) or start)
    for name, value in project.environment:
        os.environ.setdefault(name, value)
    given = {word.partition("=")[0] for word in argv[2:]}.intersection(_GIVEN)
    if other := {} if given else production_settings(project, os.environ):
        loaded = os.environ.get("DJANGO_SETTINGS_MODULE")
        os.environ.update(other)
        if loaded:
            _say(f"checking with the production settings, {'.'.join(other.values())}")


@contextmanager
def _help_without_settings(argv: Sequence[str]) -> Iterator[None]:
    """Make help work if the settings do not load. It knows the commands of Django and ours then."""
    failure = None
    try:
        _handle_default_options(argv)
        install_importer()
        _ = settings.INSTALLED_APPS
    except (Exception, SystemExit) as error:  # noqa: BLE001 - settings may raise anything
        failure = start_failure(error)
    if failure is not None:
        settings.configure(INSTALLED_APPS=[_APP])
    try:
        yield
    finally:
        quiet = "DJANGO_AUTO_COMPLETE" in os.environ or argv[1:2] in (["version"], ["--version"])
        if failure is not None and not quiet:
            _say(f"Commands of the project's apps are missing here: {failure}")


def _handle_default_options(argv: Sequence[str]) -> None:
    """Apply ``--settings`` and ``--pythonpath`` before the settings are loaded, as Django does."""
    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--settings")
    parser.add_argument("--pythonpath")
    parser.add_argument("args", nargs="*")
    try:
        options, _ = parser.parse_known_args(list(argv[2:]))
    except CommandError:  # Django reports it
        return
    handle_default_options(options)


def _report(argv: Sequence[str], error: BaseException, failure: StartFailure) -> None:
    """Print why the project does not start, and what to do next."""
    name = argv[1]
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    if name == "deploy_check" and (missing := _missing_variables(error, failure)):
        failure = failure._replace(hint=_variables_hint(missing))
    typo = misspelt(name, [*getattr(module, "INSTALLED_APPS", ()), _APP])
    if "--traceback" in argv:
        traceback.print_exception(error)
    elif typo:
        _say(f"error: {typo}")
    elif isinstance(error, ConfigError):
        _say(f"error: {error}")
    else:
        _say(f"error: {failure}\n{failure.hint} For the traceback, add --traceback.")
    if name == "deploy_check":
        from django_deploykit.management.unchecked import report_unchecked

        report_unchecked(argv, error, failure)


def _missing_variables(error: BaseException, failure: StartFailure) -> list[str]:
    """Return the variables that the settings require. They are loaded again to find all of them."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    before, found = dict(os.environ), list[str]()
    while name := required_variable(failure.reason, linecache.getline(failure.path, failure.line)):
        if name in found or not in_settings(error):
            break
        found.append(name)
        os.environ[name] = ASSUMED
        try:
            importlib.import_module(module)
            break
        except (Exception, SystemExit) as another:  # noqa: BLE001 - settings may raise anything
            failure = start_failure(another) or failure
    os.environ.clear()
    os.environ.update(before)
    return found


def _variables_hint(names: Sequence[str]) -> str:
    values = " ".join(f"{name}=…" for name in names)
    return (
        f"Set what the settings require, or give it values for builds and this check, in [bundle] of "
        f"deploykit.ini: environment = {values}"
    )


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)
