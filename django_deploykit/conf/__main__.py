"""``python -m django_deploykit.conf``: the sample file, where values come from, what is new, how to move."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from django_deploykit.conf import Config, ConfigError, Declaration, configs, declared, sample
from django_deploykit.conf.ini import read_ini
from django_deploykit.conf.layers import environment_name, prefix
from django_deploykit.conf.moving import options_of, steps
from django_deploykit.conf.secret import HIDDEN, has_password


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the five commands."""
    parser = argparse.ArgumentParser(prog="python -m django_deploykit.conf", description=__doc__)
    parser.add_argument("--settings", default="", help="the settings module")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("sample", help="print a commented INI file")
    commands.add_parser("explain", help="print where every value comes from; no values")
    commands.add_parser("check", help="print what is wrong; exit code 1 where anything is")
    diff = commands.add_parser(
        "diff", help="print which options a file lacks, and which it need not have"
    )
    diff.add_argument("file", type=Path)
    move = commands.add_parser(
        "move", help="print how settings that read other libraries, or none, read through us"
    )
    move.add_argument("file", type=Path, nargs="*", help="default: the settings module's file")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one of the five commands; returns the exit code."""
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
        print("error: the settings make no Config", file=sys.stderr)
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
        os.environ["DJANGO_SETTINGS_MODULE"] = _of_manage()
    from django.conf import settings as django_settings

    dir(django_settings)
    _ = django_settings.DEBUG


def _file_of(settings: str) -> Path:
    """Return the settings' file without importing them."""
    name = settings or os.environ.get("DJANGO_SETTINGS_MODULE") or _of_manage()
    path = Path(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _move(files: list[Path]) -> int:
    app = Path.cwd().name.lower()
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            found = steps(text, app) if path.suffix == ".py" else []
        except (OSError, SyntaxError) as error:
            reason = getattr(error, "strerror", None) or f"is no Python: {error}"
            print(f"error: {path}: {reason}", file=sys.stderr)
            return 2
        for step in found:
            print(f"{path}:{step.line}: {step.source}\n- {step.before}\n+ {step.after}")
        if path.name in ("local_settings.py", ".env"):
            print(f"{path}: values go to {app}.ini, or to the environment by the same names:")
            print("\n".join(f"  {line}" for line in options_of(text, app)))
        elif not found:
            print(f"{path}: nothing to move")
    return 0


def _of_manage() -> str:
    """Return the settings module that ./manage.py names."""
    import re

    try:
        text = Path("manage.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    match = re.search(r"DJANGO_SETTINGS_MODULE[\"'],\s*[\"']([\w.]+)[\"']", text)
    if not match:
        raise SystemExit("error: name the settings: --settings shop.settings")
    return match[1]


def explain(config: Config) -> list[str]:
    """Return a line for each setting: its name, its value unless secret, where it comes from."""
    lines = []
    for one in config.declarations:
        try:
            found = config.layers.all(one.env)
        except (OSError, UnicodeDecodeError):  # a NAME_FILE below what counts
            found = ()
        counted = config.layers.find(one.env)
        if counted is None:
            lines.append(
                f"{one.env}: {'missing' if one.required else 'default ' + repr(one.default)}"
            )
            continue
        hidden = one.secret or has_password(counted.text)
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
        print(f"+ [{one.section}] {one.option}  ({one.kind}{', required' if one.required else ''})")
    for line in [*unknown, *ini.problems]:
        print(f"? {line}")
    return 1 if any(one.required for one in new) or ini.problems else 0


def compare(
    path: Path, declarations: tuple[Declaration, ...]
) -> tuple[list[Declaration], list[str]]:
    """Return declarations that a file does not set, and options in it that nothing reads."""
    app = configs()[0].app if configs() else ""
    own = prefix(app)
    names = {
        environment_name(app, section, option): entry.where
        for section, options in read_ini(path).sections.items()
        for option, entry in options.items()
    }
    known = {name for one in declarations for name in (one.env, one.env.removeprefix(own))}
    new = [
        one
        for one in declarations
        if one.env not in names and one.env.removeprefix(own) not in names
    ]
    return new, [
        f"{where}: nothing reads {name}" for name, where in names.items() if name not in known
    ]


if __name__ == "__main__":
    sys.exit(main())
