"""The text of the helper that runs as root for the deploy user, and of the line that lets it (pure).

It is written once by ``setup`` to ``/usr/local/libexec/deploykit-<app>``, belongs to root, imports
nothing of a release, takes words of a fixed grammar (verb, release id, kinds) and hands them to
systemd as whole arguments, never to a shell.
"""

from __future__ import annotations

import pkgutil
import re
from typing import Sequence

from ..base import ini
from ..base.site import Site
from ..bundle import signature
from .systemd_units import Kind, enabled_path, helper_path, sandbox

_TEXT = r'''#!/usr/bin/python3 -IS
# Written by django-deploykit for @APP@ (helper)
"""What the deploy user of @APP@ may have done as root: nothing but the words below.

    start RELEASE KIND...       stop RELEASE KIND...       log RELEASE KIND LINES
    run RELEASE TOKEN [NAME=VALUE...] -- WORD...           cancel TOKEN
    keys                        boot                       verify BUNDLE (without sudo)

Where @ETC@/allowed_signers exists, no release starts and no command runs in one whose manifest is
not signed, but for a release that runs already. `verify` judges a bundle before it is run.
"""
from __future__ import annotations

import os
import re
import stat
import sys
import time

APP = @APP!r@
RELEASES = @RELEASES!r@
ENABLED = @ENABLED!r@
ETC = @ETC!r@
KINDS = @KINDS!r@
PROPERTIES = @PROPERTIES!r@

RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{7,40}\Z")
TOKEN = re.compile(r"[0-9a-f]{16}\Z")
LINES = re.compile(r"[1-9][0-9]{0,4}\Z")
VARIABLE = re.compile(r"DEPLOYKIT_[A-Z_]{1,40}=[A-Za-z0-9._:/@+-]{0,200}\Z")
TERMINAL = re.compile(r"[A-Za-z0-9._+-]{1,40}\Z")
SIGNATURE = @SIGNATURE!r@
NAMESPACE = @NAMESPACE!r@
SIGNERS = ETC + "/allowed_signers"
REVOKED = ETC + "/revoked_signers"
SUDO = os.environ.get("SUDO_UID", "")  # who called sudo; it cannot be left out there
try:
    FROM = os.getcwd()
except OSError:
    FROM = "/"  # the folder is gone
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""}


class Refused(Exception):
    """Words that are not of the grammar."""

    code = 64


class Unsigned(Refused):
    """A bundle or a release without a signature that counts."""

    code = 65


def need(pattern, word, what):
    """Return the word, which must match."""
    if not pattern.match(word):
        raise Refused("%r is no %s" % (word, what))
    return word


def units(words):
    """Return the instances that ``RELEASE KIND...`` names."""
    if len(words) < 2:
        raise Refused("a release and its kinds are needed")
    release = need(RELEASE, words[0], "release id")
    for kind in words[1:]:
        if kind not in KINDS:
            raise Refused("%r is no process that setup knew; there are: %s" % (kind, " ".join(KINDS)))
    return ["%s-%s@%s.service" % (APP, kind, release) for kind in words[1:]]


def forget():
    """Forget the caller's environment, before anything is looked up in it: sudo may let PATH through."""
    terminal = os.environ.get("TERM", "")
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    if TERMINAL.match(terminal):
        os.environ["TERM"] = terminal


def call(*command):
    """Run a program of the system and return its exit code."""
    pid = os.posix_spawnp(command[0], list(command), os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def output(*command):
    """Run a program of the system and return what it prints."""
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1)]
    pid = os.posix_spawnp(command[0], list(command), os.environ, file_actions=actions)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


def become(*command):
    """Go on as a program of the system."""
    os.execvp(command[0], list(command))


def ordinary(path, limit):
    """Return the bytes of a file and when it came to its place; the file may be anybody's."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(handle)
    # A second name may stand in a folder of root's, where the kernel lets anybody link what he sees.
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise Refused("%s is no file of its own" % path)
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused("%s is too long" % path)
    return data, status.st_ctime


def admit(release):
    """Refuse a release that is not signed, where root asks for signatures."""
    if not os.path.lexists(SIGNERS):
        return
    names = units([release, *KINDS])
    if call("systemctl", "is-active", "--quiet", *names) == 0:
        return
    path = "%s/%s/manifest.json" % (RELEASES, release)
    try:
        signature, came = ordinary(path + ".sig", 1 << 16)
    except FileNotFoundError:
        raise Unsigned("%s is not signed, and %s asks for signatures" % (release, SIGNERS))
    import hashlib  # slow to load, as others are that only signatures need

    digest = hashlib.sha256(ordinary(path, 16 << 20)[0]).hexdigest()
    judge(signature, came, release=release, manifest=digest)


def judge(signature, moment, **wanted):
    """Return who signed, and what; what is signed must be what is wanted."""
    import tempfile

    match = re.match(SIGNATURE, signature.decode("ascii", "replace"))
    if not match:
        raise Unsigned("the signature is none of a bundle, or it is damaged")
    text, armor = match.group(1), match.group(6)
    said = dict(line.split() for line in text.splitlines()[1:])
    for name, value in {"project": APP, **wanted}.items():
        if said[name] != value:
            raise Unsigned("the signature is of another bundle, %(project)s %(release)s" % said)
    with tempfile.TemporaryDirectory(prefix="deploykit-") as folder:
        with open(folder + "/signature", "w") as file:
            file.write(armor)
        words = ["-s", folder + "/signature", "-f", SIGNERS]
        words.append("-Overify-time=" + time.strftime("%Y%m%d%H%M%S", time.localtime(moment)))
        code, names = keygen(text, "find-principals", *words)
        if os.path.lexists(REVOKED):
            words += ["-r", REVOKED]
        for name in names.splitlines() if code == 0 else ():
            code, names = keygen(text, "verify", "-n", NAMESPACE, "-I", name, *words)
            if code == 0:
                return name, said
    raise Unsigned("%s does not allow the signer: %s" % (SIGNERS, names))


def keygen(text, *words):
    import subprocess

    done = subprocess.run(
        ["ssh-keygen", "-Y", *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace",
    )
    return done.returncode, (done.stdout if done.returncode == 0 else done.stderr).strip()


def verify(words):
    """Judge a whole bundle by the signature beside it, before any of it runs."""
    if len(words) != 1:
        raise Refused("verify takes a bundle")
    if SUDO not in ("", "0"):
        raise Refused("verify reads what its caller may read: call it without sudo")
    import hashlib

    path = os.path.abspath(os.path.join(FROM, words[0]))
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    try:
        signature = ordinary(path + ".sig", 1 << 16)[0]
    except FileNotFoundError:
        raise Unsigned("%s.sig is not there: the bundle is not signed" % path)
    name, said = judge(signature, time.time(), bundle=digest.hexdigest())
    print("%s %s, signed by %s" % (APP, said["release"], name))


def start(words):
    names = units(words)
    admit(words[0])
    become("systemctl", "start", *names)


def stop(words):
    names = units(words)
    release = words[0]
    # systemd ends a service before the sockets that it comes after.
    sockets = ["%s-probe@%s.socket" % (APP, release)] if "web" in words[1:] else []
    code = call("systemctl", "stop", *names, *sockets)
    # Those that did not end within their limit are told, one a line.
    results = output("systemctl", "show", "--value", "--property=Result", *names).split()
    for kind, result in zip(words[1:], results):
        if result == "timeout":
            print(kind, flush=True)
    # A killed instance stays in systemd's memory as failed; it is wanted no more.
    if results != ["success"] * len(names):
        call("systemctl", "--quiet", "reset-failed", *names)
    return code


def log(words):
    if len(words) != 3:
        raise Refused("log takes a release, a kind and a number of lines")
    (name,) = units(words[:2])
    lines = need(LINES, words[2], "number of lines")
    become("journalctl", "--no-pager", "--quiet", "--output=cat", "--unit=" + name, "--lines=" + lines)


def run(words):
    if "--" not in words:
        raise Refused("run takes a release, a token, -- and a command")
    cut = words.index("--")
    if cut < 2 or not words[cut + 1 :]:
        raise Refused("run takes a release, a token, -- and a command")
    release = need(RELEASE, words[0], "release id")
    token = need(TOKEN, words[1], "token")
    admit(release)
    variables = ["--setenv=" + need(VARIABLE, word, "variable that may be set") for word in words[2:cut]]
    # systemd replaces $NAME in a command's words; a doubled one stands for itself.
    command = [word.replace("$", "$$") for word in words[cut + 1 :]]
    become(
        "systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--pty", "--service-type=exec",
        "--unit=%s-run-%s" % (APP, token), "--working-directory=%s/%s/app" % (RELEASES, release),
        "--description=%s, a command of release %s" % (APP, release),
        *["--property=" + one for one in PROPERTIES], *variables, "--",
        "/bin/sh", "%s/%s/bin/%s" % (RELEASES, release, APP), *command,
    )


def cancel(words):
    if len(words) != 1:
        raise Refused("cancel takes a token")
    become("systemctl", "stop", "%s-run-%s.service" % (APP, need(TOKEN, words[0], "token")))


def keys(words):
    """Print the names of the options that the configuration sets, never a value."""
    found = set()
    try:
        more = sorted(name for name in os.listdir(ETC + "/conf.d") if name.endswith(".ini"))
    except OSError:
        more = []
    for path in [ETC + "/" + APP + ".ini"] + [ETC + "/conf.d/" + name for name in more]:
        try:
            with open(path, encoding="utf-8-sig", errors="replace") as file:
                found |= keys_with_value(file.read())
        except FileNotFoundError:
            pass
    print("\n".join(sorted(found)))


@INI@


def boot(words):
    """Start what the last switch left live; the file belongs to the deploy user, so it is judged."""
    if SUDO:
        raise Refused("boot is for systemd")
    try:
        text = ordinary(ENABLED, 4096)[0].decode("ascii", "replace")
    except FileNotFoundError:
        return 0  # nothing was released yet
    wanted = text.split()
    if len(wanted) < 2:
        return 0
    return call("systemctl", "--no-block", "start", *units(wanted))


VERBS = {
    "start": start, "stop": stop, "log": log, "run": run, "cancel": cancel, "keys": keys,
    "boot": boot, "verify": verify,
}


def main(words):
    try:
        if not words or words[0] not in VERBS:
            raise Refused("the first word must be one of: %s" % " ".join(VERBS))
        return VERBS[words[0]](words[1:]) or 0
    except (Refused, OSError) as error:
        print("deploykit-%s: %s" % (APP, error), file=sys.stderr)
        return getattr(error, "code", 64)


if __name__ == "__main__":
    forget()
    os.chdir("/")
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
'''


def helper(site: Site, kinds: Sequence[Kind]) -> str:
    """Return the helper of a site that keeps those kinds."""
    values = {
        "APP": site.app,
        "RELEASES": str(site.releases),
        "ENABLED": str(enabled_path(site)),
        "ETC": str(site.etc),
        "KINDS": tuple(kind.name for kind in kinds),
        "PROPERTIES": tuple(f"{key}={value}" for key, value in run_properties(site)),
        "SIGNATURE": signature.PATTERN,
        "NAMESPACE": signature.NAMESPACE,
    }
    text = _TEXT.replace("@INI@", ini_source())
    text = text.replace("@APP@", site.app).replace("@ETC@", str(site.etc))
    for name, value in values.items():
        text = text.replace(f"@{name}!r@", repr(value))
    return text


def ini_source() -> str:
    """Return the INI parser's source without its imports: typing would slow each call down."""
    source = pkgutil.get_data(ini.__name__.rpartition(".")[0], "ini.py") or b""
    body = source.decode("utf-8").partition("from __future__ import annotations\n")[2]
    return re.sub(r"(?m)^(import|from) .*\n", "", body).strip()


def run_properties(site: Site) -> "list[tuple[str, str]]":
    """Return the properties of a management command's unit: the site's sandbox, and how it ends."""
    return [*sandbox(site), ("KillMode", "mixed"), ("TimeoutStopSec", f"{site.drain:g}s")]


def sudoers(app: str, user: str) -> str:
    """Return the file that lets the deploy user run the helper, and nothing else, as root."""
    return (
        f"# Written by django-deploykit for {app} (sudoers)\n"
        f"{user} ALL=(root) NOPASSWD: {helper_path(app)}\n"
    )
