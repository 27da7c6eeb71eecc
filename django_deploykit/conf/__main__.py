"""``python -m django_deploykit.conf``: print a sample INI file or the origin of each value."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from django_deploykit.conf import Config, ConfigError, Declaration, configs, declared, sample
from django_deploykit.conf.class_settings import install_importer
from django_deploykit.conf.ini import read_ini
from django_deploykit.conf.replacements import options_of, replacements
from django_deploykit.conf.secret import HIDDEN, holds_secret
from django_deploykit.conf.settings_module import CLASS_VARIABLE, default_settings, managed_settings
from django_deploykit.conf.sources import Value
from django_deploykit.runtime.base.option_names import environment_name, key_of, prefix

_DESCRIPTION = "Print a sample INI file, or the origin of each value."


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the five commands."""
    parser = argparse.ArgumentParser(
        prog="python -m django_deploykit.conf", description=_DESCRIPTION
    )
    parser.add_argument("--settings", default="", help="the settings module")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sample", help="print a commented INI file")
    commands.add_parser("explain", help="print where every value comes from; hides secrets")
    commands.add_parser("check", help="print the problems; exit code 1 if there are any")
    diff = commands.add_parser(
        "diff",
        help="compare a file with the settings: missing options, and options that nothing reads",
    )
    diff.add_argument("file", type=Path)
    move = commands.add_parser(
        "move", help="print how to replace other libraries and os.environ in the settings"
    )
    move.add_argument("file", type=Path, nargs="*", help="default: the settings module's file")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one of the five commands. Return the exit code."""
    options = arguments().parse_args(argv)
    if options.command == "move":
        return _move(options.file or [_file_of(options.settings)])
    if options.command in ("sample", "diff"):
        os.environ["DEPLOYKIT_BUILD"] = "1"
    try:
        _load(options.settings)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not configs():
        print("error: the settings create no Config", file=sys.stderr)
        return 2
    if options.command == "sample":
        print(sample(), end="")
    elif options.command == "explain":
        print("\n".join(line for config in configs() for line in explain(config)))
    elif options.command == "diff":
        return _diff(options.file)
    else:
        print(f"{len(declared())} settings, no problem")
    return 0


def _load(settings: str) -> None:
    sys.path.insert(0, os.getcwd())
    if settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    elif "DJANGO_SETTINGS_MODULE" not in os.environ:
        os.environ["DJANGO_SETTINGS_MODULE"] = _settings_module()
    if name := managed_settings(Path.cwd(), CLASS_VARIABLE):
        os.environ.setdefault(CLASS_VARIABLE, name)
    install_importer()
    from django.conf import settings as django_settings

    dir(django_settings)
    _ = django_settings.DEBUG


def _file_of(settings: str) -> Path:
    """Return the file of the settings module without importing it."""
    name = settings or os.environ.get("DJANGO_SETTINGS_MODULE") or _settings_module()
    path = Path(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _move(files: list[Path]) -> int:
    app = Path.cwd().name.lower()
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            found = replacements(text, app) if path.suffix == ".py" else []
        except (OSError, SyntaxError) as error:
            reason = getattr(error, "strerror", None) or f"is not Python: {error}"
            print(f"error: {path}: {reason}", file=sys.stderr)
            return 2
        for one in found:
            after = f"+ {one.after}" if one.after else "  (remove this line)"
            print(f"{path}:{one.line}: {one.source}\n- {one.before}\n{after}")
        if path.name in ("local_settings.py", ".env"):
            print(
                f"{path}: move the values to {app}.ini, or to environment variables of the same names:"
            )
            print("\n".join(f"  {line}" for line in options_of(text, app)))
        elif not found:
            print(f"{path}: nothing to replace")
    return 0


def _settings_module() -> str:
    module = default_settings(Path.cwd())
    if not module:
        raise SystemExit("error: name the settings: --settings shop.settings")
    return module


def explain(config: Config) -> list[str]:
    """Return a line for each setting: its name, its value unless it is secret, and its origin."""
    lines = []
    for one in config.declarations:
        found: tuple[Value, ...] = ()
        with contextlib.suppress(OSError, UnicodeDecodeError):  # an overridden NAME_FILE
            found = config.sources.all(one.env)
        counted = config.sources.find(one.env)
        if counted is None:
            shown = HIDDEN if one.secret else repr(one.default)
            lines.append(f"{one.env}: {'missing' if one.required else 'default ' + shown}")
            continue
        hidden = one.secret or holds_secret(counted.text)
        value = HIDDEN if hidden else repr(counted.text)
        also = [
            other.where for other in found if other is not counted and other.where != counted.where
        ]
        lines.append(
            f"{one.env}: {value} from {counted.where}"
            + (f"; overrides {', '.join(also)}" if also else "")
        )
    return lines


def _diff(path: Path) -> int:
    try:
        ini = read_ini(path)
    except OSError as error:
        print(f"error: {path}: {error.strerror}", file=sys.stderr)
        return 2
    new, unknown = compare(path, declared())
    for one in new:
        print(
            f"+ {key_of(one.section, one.option)}  ({one.kind}{', required' if one.required else ''})"
        )
    for line in [*unknown, *ini.problems]:
        print(f"? {line}")
    return 1 if any(one.required for one in new) or ini.problems else 0


def compare(
    path: Path, declarations: tuple[Declaration, ...]
) -> tuple[list[Declaration], list[str]]:
    """Return the declared settings that a file lacks, and the file's options that nothing reads."""
    own = prefix(configs()[0].app if configs() else "")
    names = {
        environment_name(section, option): entry.where
        for section, options in read_ini(path).sections.items()
        for option, entry in options.items()
    }
    read_as = {one: {one.env.upper(), own + one.env.upper()} for one in declarations}
    known = set().union(*read_as.values())
    new = [one for one in declarations if not read_as[one] & set(names)]
    return new, [
        f"{where}: nothing reads {name}" for name, where in names.items() if name not in known
    ]


if __name__ == "__main__":
    sys.exit(main())
