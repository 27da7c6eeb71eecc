"""Environment variables of a site on a real host: systemd reads what we read, and all of the site gets it."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pytest

from django_deploykit.runtime.base.environment_file import parse_environment
from tests.environs import make_environ_shop
from tests.lab.conftest import BootHost, BundlesFor
from tests.lab.fleet import Controller, current, get
from tests.lab.hosts import Host
from tests.unit.runtime.base.test_environment_file import READ

_ASK = """\
import json, subprocess, sys
found = []
for text in json.load(sys.stdin):
    with open("/run/asked.env", "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    out = subprocess.run(
        ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-pEnvironmentFile=/run/asked.env",
         "env", "-0"],
        stdout=subprocess.PIPE, check=True).stdout.decode()
    found.append(dict(row.split("=", 1) for row in out.split("\\0") if row))
print(json.dumps(found))
"""
_PIECES = [
    "'",
    '"',
    "\\",
    "#",
    ";",
    "$",
    "`",
    "=",
    " ",
    "\t",
    "\n",
    "a",
    "B",
    "ä",
    "\u2028",
    "%",
    "{x}",
]


@pytest.fixture(scope="module")
def host(boot_module_host: BootHost) -> Host:
    return boot_module_host()


def random_texts(count: int) -> list[str]:
    """Return texts that our parser accepts: many values in each."""
    chance, found = random.Random(60), []
    for _ in range(count):
        lines: list[str] = []
        while len(lines) < 80:
            value = "".join(chance.choices(_PIECES, k=chance.randrange(8)))
            quote = chance.choice(["", "'", '"'])
            line = f"{chance.choice(['', ' '])}V{len(lines)}{chance.choice(['=', ' = '])}{quote}{value}{quote}"
            if not parse_environment(line.encode())[1]:
                lines.append(line)
        found.append("\n".join(lines))
    return found


def test_systemd_reads_what_we_read(host: Host) -> None:
    texts = [*READ, *random_texts(5)]
    answers = json.loads(host.run(f"python3 -c {shlex.quote(_ASK)}", data=json.dumps(texts)))
    always = answers[0]  # of an empty file
    for text, answer in zip(texts, answers, strict=True):
        values, problems = parse_environment(text.encode())
        assert problems == []
        new = {
            name: value for name, value in answer.items() if name in values or name not in always
        }
        ours = {"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"}  # of this run of systemd
        assert {name: value for name, value in new.items() if name not in ours} == values, text


class Shop:
    """A shop that reads ``os.environ``, set up on a host with its bundle."""

    def __init__(self, folder: Path, bundles_for: BundlesFor, host: Host) -> None:
        self.host = host
        self.controller = Controller(folder / "controller", bundles_for("bookworm"), [host])
        self.project = make_environ_shop(folder, "os.environ", 8000)
        self.bundle = folder / "shop.pyz"
        self.controller.project = self.project
        shell = {"SECRET_KEY": "dev", "ALLOWED_HOSTS": "", "DATABASE_URL": "sqlite:////nowhere"}
        self.shell = shell
        self.controller.manage("bundle", "--output", str(self.bundle), **shell).well()
        self.controller.write_ini()

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run ``manage.py release production``."""
        done = self.controller.run(*words, **self.shell)
        return done.code, done.out, done.err

    def release(self) -> tuple[int, str, str]:
        """Release the bundle."""
        return self.run("--bundle", str(self.bundle), "--noinput", "--json")

    def write(self, **values: str) -> None:
        """Write the environment file as root; it travels on standard input."""
        names = f"shop.example.com,{self.host.address},localhost"
        known = {"ALLOWED_HOSTS": names, "DATABASE_URL": "sqlite:////var/lib/shop/shop.sqlite3"}
        text = "".join(f"{name}={value}\n" for name, value in {**known, **values}.items())
        self.host.run("cat > /etc/shop/shop.env", data=text)

    def restart(self) -> None:
        """Restart the processes after a check, as the deploy user."""
        self.host.copy(self.bundle, "/tmp/shop.pyz")
        self.host.run("cd /; /tmp/shop.pyz deploykit restart", "deploy")

    def currency(self, in_command: bool = False) -> str:
        """Return the variable that the site's pages show, or that a command of it gets."""
        if not in_command:
            page = get(self.host, "/")
            return page.partition("<strong>")[2].partition(" ")[0]
        script = "import os; print(os.environ.get('SHOP_CURRENCY'))"
        code, out, err = self.run("exec", "--", "shell", "-v0", "-c", script)
        assert code == 0, err
        return out.strip()


def test_a_project_with_variables_alone_goes_live_and_is_operated(
    host: Host, bundles_for: BundlesFor, tmp_path: Path
) -> None:
    shop = Shop(tmp_path, bundles_for, host)
    done = shop.run("setup", "--user", "root", "--noinput", "--bundle", str(shop.bundle))
    assert "set ALLOWED_HOSTS in /etc/shop/shop.env" in done[1], done
    code, _, said = shop.release()
    assert code == 1
    assert "lacks ALLOWED_HOSTS, DATABASE_URL in /etc/shop/shop.env: set it there" in said
    host.run("install -m 600 /dev/null /etc/shop/shop.env")
    shop.write(SHOP_CURRENCY="'C$F#1'")
    before = host.run("stat -c %i%Y%a /etc/shop/shop.env; cat /etc/shop/shop.env")
    code, out, said = shop.release()
    assert code == 0, out + said
    assert shop.run("exec", "--", "restock")[0] == 0  # prices to show
    assert shop.currency() == shop.currency(in_command=True) == "C$F#1"
    assert host.run("stat -c %i%Y%a /etc/shop/shop.env; cat /etc/shop/shop.env") == before

    # Only root and the site's processes know the values.
    assert host.try_run("cat /etc/shop/shop.env", "deploy").returncode != 0
    unit = f"shop-web@{current(host)}.service"
    assert "C$F#1" not in host.run(f"systemctl show {unit}; systemctl cat {unit}", "deploy")
    printed = host.run("sudo -n /usr/local/libexec/deploykit-shop keys", "deploy")
    assert "[environment] SHOP_CURRENCY\n" in printed
    assert "C$F#1" not in printed

    # From the weakest to the strongest.
    host.run("printf '\\n[environment]\\nshop_currency = INI\\n' > /etc/shop/conf.d/more.ini")
    shop.write()
    shop.restart()
    assert shop.currency() == shop.currency(in_command=True) == "INI"
    folder = "/etc/systemd/system/shop-web@.service.d"
    drop_in = f"mkdir -p {folder}; cat > {folder}/one.conf; systemctl daemon-reload"
    host.run(drop_in, data="[Service]\nEnvironment=SHOP_CURRENCY=DROP\n")
    shop.restart()
    assert (shop.currency(), shop.currency(in_command=True)) == ("DROP", "INI")
    (row,) = json.loads(shop.run("status", "--json")[1])["hosts"].values()
    (warning,) = (one for one in row["warnings"] if "one.conf" in one)
    assert f"{folder}/one.conf changes what shop-web@.service reads" in warning
    assert "(SHOP_CURRENCY)" in warning
    assert "DROP" not in warning
    assert [one for one in row["warnings"] if "conf.d/more.ini has the mode 0644" in one]
    host.run("chmod 0644 /etc/shop/shop.env")
    code, out, said = shop.run("status", "--json")
    (row,) = json.loads(out)["hosts"].values()
    assert [one for one in row["warnings"] if "shop.env has the mode 0644" in one]
    host.run("chmod 0600 /etc/shop/shop.env")
    shop.write(SHOP_CURRENCY="FILE")
    shop.restart()
    assert shop.currency() == shop.currency(in_command=True) == "FILE"
    host.run("echo SHOP_CURRENCY=MORE > /etc/shop/web.env")
    host.run(drop_in, data="[Service]\nEnvironmentFile=/etc/shop/web.env\n")
    shop.restart()
    assert (shop.currency(), shop.currency(in_command=True)) == ("MORE", "FILE")

    # The file by itself does the same on this host.
    script = "import os; print(os.environ['SHOP_CURRENCY'])"
    assert host.run(f'cd /; /tmp/shop.pyz shell -v0 -c "{script}"', "deploy") == "FILE\n"

    # What systemd would misread is refused with its line, and what is live stays.
    for make, why in (
        ("printf 'A=s3cret\\nexport B=s3cret\\n' >> /etc/shop/shop.env", "remove `export`"),
        ("mv /etc/shop/shop.env /root; ln -s /root/shop.env /etc/shop", "is a link"),
    ):
        host.run(make)
        for words in (("--bundle", str(shop.bundle), "--noinput"), ("exec", "--", "check")):
            code, out, said = shop.run(*words)
            assert code != 0
            assert "/etc/shop/shop.env" in said
            assert why in said
            assert "s3cret" not in out + said
        assert shop.currency() == "MORE"
