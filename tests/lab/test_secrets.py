"""What is secret stays in root's file and in the process: never in a command line, log, journal or bundle."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import Fleet
from tests.lab.fleet import Controller, Done, get, live
from tests.lab.hosts import Host

KEY = "zq7Kd0wVn3XcRb5TyUe8MhJfLs2GpAi9oWv4NxBt6CrEaQkDmZ"
PASSWORD = "hunterQ4v8Zx2"
_SECRETS = (KEY.encode(), PASSWORD.encode())


class CommandLines(threading.Thread):
    """Looks at every command line of this machine, and so of its hosts, while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.3)


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> Controller:
    return fleet(1, ready=True)


@pytest.fixture(scope="module")
def host(controller: Controller) -> Host:
    made = controller.hosts[0]
    replace_option(made, "secret_key", KEY)
    return made


@pytest.fixture
def watched(host: Host) -> Iterator[CommandLines]:
    thread = CommandLines()
    thread.start()
    yield thread
    thread.ending.set()
    thread.join()
    assert any(b"gunicorn" in line for line in thread.seen)
    assert any(b"sudo" in line or b"systemd-run" in line for line in thread.seen)
    assert [line for line in thread.seen if any(one in line for one in _SECRETS)] == []


def replace_option(host: Host, name: str, value: str) -> None:
    """Write a value into the INI; it travels on standard input."""
    script = (
        "import re, sys; value = sys.stdin.read(); path = '/etc/shop/shop.ini'; "
        "text = open(path).read(); "
        f"text, count = re.subn(r'(?m)^#? *{name} *=.*', lambda _: '{name} = ' + value, text); "
        "assert count, text; open(path, 'w').write(text)"
    )
    host.run(f'python3 -c "{script}"', data=value)


@pytest.fixture
def one(controller: Controller, host: Host) -> None:
    """``one`` is live."""
    controller.be_live("one")


def clean(*texts: str) -> None:
    for text in texts:
        assert not any(one.decode() in text for one in _SECRETS), text


def said(done: Done) -> Done:
    clean(done.out, done.err)
    return done


def test_nothing_secret_is_said_or_left_anywhere(
    controller: Controller, host: Host, one: None, watched: CommandLines, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    said(controller.setup().well())
    said(controller.release("one", "--report", str(report)).well())
    said(controller.release("two").well())
    assert said(controller.release("sick")).code == 4
    for words in (
        ("status", "--json"),
        ("history", "--json"),
        ("logs",),
        ("exec", "--", "check"),
        ("exec", "--", "diffsettings", "--all"),
        ("rollback", "--json"),
    ):
        if "diffsettings" not in words:  # that one is asked to show them
            said(controller.run(*words).well())
    clean(report.read_text())
    assert live(host) == controller.id("one")
    assert kept(controller, host) == []


def test_settings_that_fail_name_the_option_and_not_its_value(
    controller: Controller, host: Host, one: None, watched: CommandLines
) -> None:
    try:
        replace_option(host, "url", f"postgres://shop:{PASSWORD}@db.example.com:80a/shop")
        replace_option(host, "secret_key", PASSWORD)  # too short for a key
        done = said(controller.release("two"))
        said(controller.run("exec", "--", "check"))
        said(controller.run("status", "--json"))
    finally:
        replace_option(host, "url", "")
        replace_option(host, "secret_key", KEY)
    assert done.code == 1
    assert "url" in done.err.lower()
    assert "secret" in done.err.lower()
    assert live(host) == controller.id("one")
    said(controller.release("two").well())
    assert kept(controller, host) == []


def kept(controller: Controller, host: Host) -> list[str]:
    """Return where a secret was kept that should not be: journals, logs, files, bundles."""
    found: list[str] = []
    for name in (KEY, PASSWORD):
        script = (
            "cat > /root/pattern; "
            "journalctl --no-pager -o export | grep -a -c -F -f /root/pattern; "
            "grep -r -a -l -F -f /root/pattern /srv /home /var/log /var/lib /tmp /var/tmp /run/log "
            "/etc/systemd /usr/local 2>/dev/null; "
            "grep -a -l -F -f /root/pattern /proc/[0-9]*/environ 2>/dev/null; rm /root/pattern"
        )
        found += [line for line in host.run(script, data=name + "\n").splitlines() if line != "0"]
    bundles = [controller.bundles.path(name) for name in ("one", "two", "sick")]
    for path in (*bundles, *controller.project.rglob("*")):
        if path.is_file() and any(one in path.read_bytes() for one in _SECRETS):
            found.append(str(path))
    return found


def test_the_sandbox_scores_two_or_better_and_the_site_works(
    controller: Controller, host: Host
) -> None:
    controller.release("two").well()
    for process in ("web", "worker"):
        unit = f"shop-{process}@{live(host)}.service"
        told = host.run(f"systemd-analyze security --no-pager {unit}")
        match = re.search(r"Overall exposure level for .*: ([0-9.]+) ", told)
        assert match is not None, told
        assert float(match[1]) <= 2.0, told
    assert "Release " in get(host, "/")
    assert get(host, "/up") == "up\n"
    assert "csrfmiddlewaretoken" in get(host, "/office/login/")
    page = get(host, "/")
    style = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert style is not None, page
    assert "{" in get(host, style[1])
    controller.run("exec", "--", "restock").well()  # asks the database, as the site's user
    files = host.run("find /var/lib/shop/ -name '*.sqlite3' -printf '%u\\n'").split()
    assert files
    assert set(files) == {"shop"}


def test_limits_are_in_force(controller: Controller, host: Host) -> None:
    controller.release("two").well()
    limits = "[process:web]\nmemory_max = 1G\ntasks_max = 300\ncpu_quota = 200%\n"
    try:
        controller.write_ini(more=limits)
        refused = controller.release("two")
        assert refused.code == 1
        assert "its setup differs from deploykit.ini" in refused.data["error"]["message"]
        controller.setup().well()
        shown = f"systemctl show -p MemoryMax,TasksMax,CPUQuotaPerSecUSec shop-web@{live(host)}"
        assert set(host.run(shown).split()) == {
            f"MemoryMax={1 << 30}",
            "TasksMax=300",
            "CPUQuotaPerSecUSec=2s",
        }
        assert get(host, "/up") == "up\n"
    finally:
        controller.write_ini()
        controller.setup().well()
