"""Running uv with the indexes from pip's configuration, and explaining its errors."""

from __future__ import annotations

import configparser
import os
import re
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from django_deploykit.bundle.subprocesses import Stopper, run_program
from django_deploykit.errors import BundleError

_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


_INDEX = re.compile(
    r"^\s*(?:\[\[(?:tool\.uv\.)?index\]\]|(?:index|index-url|extra-index-url|find-links|no-index)\s*=)",
    re.MULTILINE,
)


def find_uv() -> str:
    """Return the path of the uv that the ``deploy`` extra installed."""
    path = os.path.join(sysconfig.get_path("scripts"), "uv")
    if os.path.exists(path):
        return path
    from importlib.metadata import PackageNotFoundError, distribution

    with suppress(PackageNotFoundError):
        for file in distribution("uv").files or ():
            if file.name == "uv":
                return os.path.realpath(file.locate())
    raise BundleError("building a bundle needs the extra: pip install 'django-deploykit[deploy]'")


def has_uv() -> bool:
    """Whether uv is installed here."""
    try:
        find_uv()
    except BundleError:
        return False
    return True


def uv_environment(env: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables for uv, with the indexes of pip's settings, ``configured``.

    If uv's own variables name an index, pip's settings are ignored.
    """
    result = dict(env)
    if any(key.startswith("UV_") and ("INDEX" in key or "FIND_LINKS" in key) for key in env):
        return result
    for setting, name in _SETTINGS.items():
        value = env.get("PIP_" + setting.upper().replace("-", "_")) or configured.get(setting, "")
        words = [word for word in value.split() if _there(word)]
        if words and name not in result:
            result[name] = " ".join(words) if name == "UV_INDEX" else ",".join(words)
    # pip does the same. The hashes of the lock file decide which files are accepted.
    result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return result


def _pip_has_no_index(configured: Mapping[str, str]) -> bool:
    """Whether pip is set to use no index. uv has an option for this, but no variable."""
    value = os.environ.get("PIP_NO_INDEX") or configured.get("no-index", "")
    return value.lower() in ("1", "true", "yes", "on")


def uv_names_index(folder: Path) -> bool:
    """Whether uv's settings for the machine, the user or the project name an index."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    paths = [Path("/etc/uv/uv.toml"), Path(config) / "uv" / "uv.toml", folder / "uv.toml"]
    named = os.environ.get("UV_CONFIG_FILE")
    texts = [_text(path) for path in (*paths, *((Path(named),) if named else ()))]
    project = _text(folder / "pyproject.toml")
    if "[tool.uv" in project or "[[tool.uv" in project:
        texts.append(project)
    return any(_INDEX.search(text) for text in texts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _there(word: str) -> bool:
    """Whether an index may exist. uv fails if a folder of packages does not."""
    path = word[len("file://") :] if word.startswith("file://") else word
    return not path.startswith("/") or os.path.exists(path)


def pip_settings() -> dict[str, str]:
    """Return pip's ``[global]`` settings. The user's take precedence over the machine's."""
    paths = [
        "/etc/pip.conf",
        "~/.pip/pip.conf",
        "~/.config/pip/pip.conf",
        os.environ.get("PIP_CONFIG_FILE", ""),
    ]
    paths.append(os.path.join(sysconfig.get_path("data"), "pip.conf"))
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read([os.path.expanduser(path) for path in paths if path], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return dict(parser["global"]) if parser.has_section("global") else {}


def run_uv(
    arguments: Sequence[str],
    folder: Path,
    what: str,
    more: Mapping[str, str] | None = None,
    *,
    limit: float | None = None,
    stopper: Stopper | None = None,
) -> str:
    """Run uv in ``folder``, with ``more`` environment variables, and return its output.

    Raise :class:`BundleError` if uv fails. ``what`` names the task in the message. After ``limit``
    seconds :class:`subprocess.TimeoutExpired` is raised. ``stopper`` can end uv.
    """
    configured = {} if uv_names_index(folder) else pip_settings()
    env = uv_environment({**os.environ, "NO_COLOR": "1", **(more or {})}, configured)
    env.pop("VIRTUAL_ENV", None)
    # Distributions built from source must not contain the time of the build.
    env.setdefault("SOURCE_DATE_EPOCH", "315532800")
    # Nor the folder of the build, which debugging information would contain.
    for name in ("CFLAGS", "CXXFLAGS"):
        env[name] = f"{env.get(name, '')} -g0".strip()
    words = [find_uv(), *arguments]
    finds_files = arguments[0] == "build" or arguments[:2] == ["pip", "install"]
    if finds_files and _pip_has_no_index(configured):
        words.append("--no-index")
    done = run_program(words, folder, env, timeout=limit, stopper=stopper)
    if done.returncode:
        text = done.stderr.replace(f"file://{folder}/", "").replace(f"{folder}/", "")
        raise BundleError(f"{what} failed:\n{shorten(text)}", hint_of(text))
    return done.stdout


def shorten(text: str) -> str:
    """Return the last 25 lines of uv's message, without passwords in URLs."""
    lines = [
        re.sub(r"//[^/@\s]+@", "//***@", line.rstrip())
        for line in text.splitlines()
        if line.strip()
    ]
    return "\n".join(f"  {line.strip()}" for line in lines[-25:])


_HINTS = (
    (
        "hash mismatch",
        "The downloaded file is not the locked one. Lock again if it is the right one.",
    ),
    (
        "no wheels with a matching|no matching distribution|has no usable wheels|no wheels are usable",
        "No file of that version fits this Python and platform. Choose another with --python or --platform, or lock another version.",
    ),
    ("not found at|no such file", "Is that file committed? A bundle has only files of the commit."),
    (
        "failed to build|build backend",
        "A distribution has no wheel and cannot be built here: install what its build needs.",
    ),
    (
        "connect|dns|timed out",
        "The package index cannot be reached from here, and the file is not in uv's cache.",
    ),
)


def hint_of(text: str) -> str:
    """Return what to do about uv's message, or an empty string if that is unknown."""
    return next((hint for pattern, hint in _HINTS if re.search(pattern, text.lower())), "")
