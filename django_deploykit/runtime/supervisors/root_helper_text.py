"""The program of root's helper, with places for a site's values (see :mod:`.root_helper`)."""

TEXT = r'''#!@PYTHON@ -IS
# Written by django-deploykit for @APP@ (helper)
"""What the deploy user of @APP@ may do as root: only the commands below.

    start RELEASE KIND...       stop RELEASE KIND...       log RELEASE KIND LINES
    journal RELEASE|all LINES @SECONDS|CURSOR KIND...
    run RELEASE TOKEN [NAME=VALUE...] -- WORD...           cancel TOKEN
    keys                        boot                       verify BUNDLE (without sudo)

If @ETC@/allowed_signers exists, releases without a valid signature do not start and no command runs
in one, except a release that runs already. `verify` checks a bundle before it is run.
"""
from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time

APP = @APP!r@
ROOT = @ROOT!r@
RELEASES = ROOT + "/releases"
ETC = @ETC!r@
KINDS = @KINDS!r@
PROPERTIES = @PROPERTIES!r@

RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{7,40}\Z")
TOKEN = re.compile(r"[0-9a-f]{16}\Z")
LINES = re.compile(r"[1-9][0-9]{0,4}\Z")
SECONDS = re.compile(r"@[0-9]{1,12}(\.[0-9]{1,6})?\Z")
CURSOR = re.compile(r"s=[0-9a-f]{32};i=[0-9a-f]{1,16}(;[bmtx]=[0-9a-f]{1,32}){4}\Z")
VARIABLE = re.compile(r"DEPLOYKIT_[A-Z_]{1,40}=[A-Za-z0-9._:/@+-]{0,200}\Z")
TERMINAL = re.compile(r"[A-Za-z0-9._+-]{1,40}\Z")
SIGNATURE = @SIGNATURE!r@
NAMESPACE = @NAMESPACE!r@
SIGNERS = ETC + "/allowed_signers"
REVOKED = ETC + "/revoked_signers"
SUDO = os.environ.get("SUDO_UID", "")  # the caller of sudo, which always sets it
try:
    FROM = os.getcwd()
except OSError:
    FROM = "/"  # the folder was removed
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""}


class Refused(Exception):
    """Arguments that do not match the grammar."""

    code = 64


class Unsigned(Refused):
    """A bundle or a release without a valid signature."""

    code = 65


class Misconfigured(Refused):
    """An environment file that systemd would read in another way than it was meant."""

    code = 66


def validate(pattern, word, what):
    """Return the word if it matches the pattern."""
    if not pattern.match(word):
        raise Refused("%r is not a %s" % (word, what))
    return word


def units(words):
    """Return the instances that ``RELEASE KIND...`` names."""
    if len(words) < 2:
        raise Refused("expected a release and kinds of processes")
    release = validate(RELEASE, words[0], "release id")
    return [unit(kind, release) for kind in words[1:]]


def unit(kind, instance):
    """Return the name of a kind's instance."""
    if kind not in KINDS:
        raise Refused("setup did not know the process %r, only: %s" % (kind, " ".join(KINDS)))
    return "%s-%s@%s.service" % (APP, kind, instance)


def reset_environment():
    """Replace the caller's environment before anything uses it: sudo may pass PATH on."""
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


def execute(*command):
    """Replace this process with a program of the system."""
    os.execvp(command[0], list(command))


@OPENING@


def read_regular(top, name, limit):
    """Return the bytes and the time of change of a file below a folder of any user."""
    path = os.path.join(top, name)
    handle = open_regular(top, name)
    status = os.fstat(handle)
    # Another link to it may be in a folder of root: some kernels let users link files of others.
    if status.st_nlink != 1:
        os.close(handle)
        raise Refused("%s is a file with several links" % path)
    with os.fdopen(handle, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused("%s is longer than %d bytes" % (path, limit))
    return data, status.st_ctime


def require_signature(release):
    """Refuse an unsigned release if root requires signatures."""
    if not os.path.lexists(SIGNERS):
        return
    names = units([release, *KINDS])
    if call("systemctl", "is-active", "--quiet", *names) == 0:
        return
    name = "releases/%s/manifest.json" % release
    try:
        signature, came = read_regular(ROOT, name + ".sig", 1 << 16)
    except FileNotFoundError:
        raise Unsigned("%s is not signed, and %s requires signatures" % (release, SIGNERS))
    import hashlib  # slow to load, like the other modules that only signatures need

    digest = hashlib.sha256(read_regular(ROOT, name, 16 << 20)[0]).hexdigest()
    check_signature(signature, came, release=release, manifest=digest)


def check_signature(signature, moment, **wanted):
    """Return the signer and the signed fields, which must include the wanted ones."""
    import tempfile

    match = re.match(SIGNATURE, signature.decode("ascii", "replace"))
    if not match:
        raise Unsigned("the file is not a signature of a bundle, or it is damaged")
    text, armor = match.group(1), match.group(6)
    said = dict(line.split() for line in text.splitlines()[1:])
    for name, value in {"project": APP, **wanted}.items():
        if said[name] != value:
            raise Unsigned("the signature belongs to another bundle, %(project)s %(release)s" % said)
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
    """Check a whole bundle against the signature beside it, before any of it runs."""
    if len(words) != 1:
        raise Refused("verify takes one argument, a bundle")
    if SUDO not in ("", "0"):
        raise Refused("verify runs with its caller's permissions: call it without sudo")
    import hashlib

    path = os.path.abspath(os.path.join(FROM, words[0]))
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    try:
        folder, name = os.path.split(path + ".sig")
        signature = read_regular(folder, name, 1 << 16)[0]
    except FileNotFoundError:
        raise Unsigned("%s.sig does not exist: the bundle is not signed" % path)
    name, said = check_signature(signature, time.time(), bundle=digest.hexdigest())
    print("%s %s, signed by %s" % (APP, said["release"], name))


def start(words):
    names, kinds = units(words), words[1:]
    require_signature(words[0])
    code = call("systemctl", "start", *names)
    if not code and "web" in kinds and not os.path.lexists(ROOT + "/current"):
        # A first release. The service must start after the socket, and not only with a visitor.
        code = call("systemctl", "start", APP + ".service")
    return code


def stop(words):
    names = units(words)
    release = words[0]
    # systemd stops the service before the sockets that it starts after.
    more = ["%s-probe@%s.socket" % (APP, release)] if "web" in words[1:] else []
    if more and not os.path.lexists(ROOT + "/current"):
        # Nothing is live, so nobody would accept the connections of visitors.
        more += [APP + ".socket", APP + ".service"]
    code = call("systemctl", "stop", *names, *more)
    # Print the kinds that did not stop within their limit, one on each line.
    results = output("systemctl", "show", "--value", "--property=Result", *names).split()
    for kind, result in zip(words[1:], results):
        if result == "timeout":
            print(kind, flush=True)
    # systemd remembers a killed instance as failed; it is no longer needed.
    if results != ["success"] * len(names):
        call("systemctl", "--quiet", "reset-failed", *names)
    return code


# Releases that an earlier version staged call this; others call `journal`.
def log(words):
    if len(words) != 3:
        raise Refused("log takes a release, a kind and a number of lines")
    (name,) = units(words[:2])
    lines = validate(LINES, words[2], "number of lines")
    execute("journalctl", "--no-pager", "--quiet", "--output=cat", "--unit=" + name, "--lines=" + lines)


def journal(words):
    """Print the newest entries since a time, the newest first; or the first ones after a cursor."""
    if len(words) < 4:
        raise Refused("journal takes a release or all, a number of lines, a place and kinds")
    instance = "*" if words[0] == "all" else validate(RELEASE, words[0], "release id")
    lines = validate(LINES, words[1], "number of lines")
    place, names = words[2], [unit(kind, instance) for kind in words[3:]]
    if place.startswith("@"):
        where = ["--reverse", "--since=" + validate(SECONDS, place, "time")]
    else:
        where = ["--after-cursor=" + validate(CURSOR, place, "cursor")]
    execute(
        "journalctl", "--no-pager", "--quiet", "--all", "--output=json", "--output-fields=@FIELDS@",
        "--lines=" + lines, *where, *["--unit=" + name for name in names],
    )


def run(words):
    if "--" not in words:
        raise Refused("run takes a release, a token, -- and a command")
    cut = words.index("--")
    if cut < 2 or not words[cut + 1 :]:
        raise Refused("run takes a release, a token, -- and a command")
    release = validate(RELEASE, words[0], "release id")
    token = validate(TOKEN, words[1], "token")
    require_signature(release)
    variables_of_site()
    variables = ["--setenv=" + validate(VARIABLE, word, "variable that may be set") for word in words[2:cut]]
    # systemd replaces $NAME in a command's arguments; $$ is a plain dollar sign.
    command = [word.replace("$", "$$") for word in words[cut + 1 :]]
    execute(
        "systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--pty", "--service-type=exec",
        "--unit=%s-run-%s" % (APP, token), "--working-directory=%s/%s/app" % (RELEASES, release),
        "--description=%s, a command of release %s" % (APP, release),
        *["--property=" + one for one in PROPERTIES], *variables, "--",
        "/bin/sh", "%s/%s/bin/%s" % (RELEASES, release, APP), *command,
    )


def cancel(words):
    if len(words) != 1:
        raise Refused("cancel takes a token")
    execute("systemctl", "stop", "%s-run-%s.service" % (APP, validate(TOKEN, words[0], "token")))


def keys(words):
    """Print the names of the options that the configuration sets, never their values."""
    found = set()
    try:
        more = sorted(name for name in os.listdir(ETC + "/conf.d") if name.endswith(".ini"))
    except OSError:
        more = []
    for path in [ETC + "/" + APP + ".ini"] + [ETC + "/conf.d/" + name for name in more]:
        try:
            with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
                found |= keys_with_value(file.read())
        except FileNotFoundError:
            pass
    found |= {"[environment] " + name for name in variables_of_site()}
    print("\n".join(sorted(found)))


def variables_of_site():
    """Return the variables of the environment file, which systemd reads for each process."""
    name = APP + ".env"
    try:
        values, problems = parse_environment(read_regular(ETC, name, 1 << 20)[0])
    except FileNotFoundError:
        return {}
    except (OSError, Refused) as error:
        raise Misconfigured(str(error))
    if problems:
        lines = ["%s/%s:%d: %s" % (ETC, name, line, problem) for line, problem in problems]
        raise Misconfigured("\n".join(lines))
    return values


@INI@


@ENVIRONMENT_FILE@


def boot(words):
    """Start what was live last; the file belongs to the deploy user, so its words are validated."""
    if SUDO:
        raise Refused("only systemd may call boot")
    try:
        text = read_regular(ROOT, "enabled", 4096)[0].decode("ascii", "replace")
    except FileNotFoundError:
        return 0  # nothing was released yet
    wanted = text.split()
    if len(wanted) < 2:
        return 0
    return call("systemctl", "--no-block", "start", *units(wanted))


VERBS = {
    "start": start, "stop": stop, "log": log, "journal": journal, "run": run, "cancel": cancel, "keys": keys,
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
    reset_environment()
    os.chdir("/")
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
'''
