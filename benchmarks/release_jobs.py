"""What is measured on hosts: one host in all ways, a large project's bytes, many hosts at once."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import shares
from benchmarks.lab_peers import CapistranoPeer, Peer, ShivPeer, copies
from benchmarks.lab_shop import Controller, Ran, boot, change, make_place
from benchmarks.measure import Samples, timed
from benchmarks.tools import Pex, Place, Shiv
from benchmarks.traffic import Traffic, wait_for
from benchmarks.wire import Relay
from tests.lab.fleet import PORT
from tests.lab.hosts import Host
from tests.projects import run as run_command

# Runs on the host as root, with its configuration: how long the site takes to start by itself, and to check.
_ALONE = """\
import os, subprocess, sys, time, urllib.request
release, address, environment = sys.argv[1:]
os.chdir(release + "/app")
env = dict(os.environ, **dict(line.split("=", 1) for line in environment.splitlines()))
begun = time.monotonic()
words = ["shop.wsgi", "--bind", address, "--workers", "2", "--threads", "8"]
server = subprocess.Popen([release + "/bin/gunicorn", *words], env=env, stderr=subprocess.DEVNULL)
request = urllib.request.Request("http://%s/up" % address, headers={"X-Forwarded-Proto": "https"})
while True:
    try:
        urllib.request.urlopen(request).read()
        break
    except OSError:
        if server.poll() is not None or time.monotonic() - begun > 60:
            sys.exit("the site does not start by itself")
        time.sleep(0.005)
print(time.monotonic() - begun)
server.terminate()
server.wait()
begun = time.monotonic()
check = subprocess.run([release + "/bin/shop", "deploy_check", "--server"], env=env, capture_output=True)
print(time.monotonic() - begun)
if check.returncode not in (0, 1):
    sys.exit(check.stderr.decode())
"""
_QUIET = 10.0  # seconds of load without a release
_KIB = 1024
# With the project's settings loaded, and without: only a build needs them, in a process of its own.
STARTS = {"manage.py": ("manage.py",), "python -m": ("-m", "django_deploykit")}


@dataclass
class Run:
    """A run: where it happens, what it has found, how much of everything is done."""

    root: Path
    samples: Samples
    say: Callable[[str], None]
    quick: bool = False
    rounds: int = 5
    hosts: int = 20
    switches: int = 20  # under load
    commits: int = 0
    stopped: bool = False  # by Ctrl-C

    def keep(self, row: str, subject: str, number: int, value: float) -> None:
        """Keep a figure and tell it."""
        self.samples.add(row, subject, number, value)
        self.say(f"{row}, {subject}: {value:,.3f}")

    def next_change(self, place: Place) -> str:
        """Commit a change that no commit before it had."""
        self.commits += 1
        return change(place, self.commits)


@contextmanager
def booted(count: int, extra: tuple[str, ...] = ()) -> Iterator[list[Host]]:
    """Boot hosts and clear them away."""
    hosts = boot(count, extra)
    try:
        yield hosts
    finally:
        for host in hosts:
            host.close()


def one_host(run: Run) -> None:
    """Take times, throughput and failures on one host."""
    run.say("the project and its host")
    place = make_place(run.root, large=False)
    with booted(1) as hosts:
        controller = Controller(place, hosts)
        controller.write()
        controller.setup()
        run.next_change(place)
        controller.release()
        under_load(run, controller)
        times(run, controller)
        first_releases(run, controller)
        peers = [
            ShivPeer(place, hosts[0], PORT + 1, "shiv"),
            CapistranoPeer(place, hosts[0], PORT + 2, "capistrano"),
        ]
        for peer in peers:
            run.say(f"{peer.name}: first release")
            peer.prepare()
            peer.release(900)
        side_by_side(run, controller, peers)


def heavy_project(run: Run) -> None:
    """Take times and throughput with 36 distributions, which the settings import."""
    run.say("the heavy project and its host")
    place = make_place(run.root, large=not run.quick, static=5 if run.quick else 200)
    with booted(1) as hosts:
        controller = Controller(place, hosts)
        controller.write()
        controller.setup()
        first_releases(run, controller, "heavy, ")
        times(run, controller, "heavy, ")


def first_releases(run: Run, controller: Controller, prefix: str = "") -> None:
    """Take the rate of sending everything, and of scp of the same file over a connection that is open."""
    host = controller.hosts[0]
    for number in range(1, run.rounds + 1):
        run.next_change(controller.place)
        bundle = Path(controller.manage("bundle").data["path"])
        megabytes = bundle.stat().st_size / 1e6
        run.keep(
            f"{prefix}scp of the bundle",
            "scp",
            number,
            megabytes / scp_seconds(run.root, host, bundle),
        )
        # With an empty store a host lacks everything, as at first.
        host.run("rm -rf /srv/shop/store/* /srv/shop/store/.[!.]*")
        done = controller.release("--bundle", str(bundle))
        seconds = done.data["seconds"]["send"]
        sent = next(iter(done.data["bytes"].values())) / 1e6
        run.keep(f"{prefix}first release, send", "ours", number, sent / seconds)
        run.keep(f"{prefix}first release, whole", "ours", number, done.seconds)


def scp_seconds(root: Path, host: Host, path: Path) -> float:
    """Return the seconds that scp takes; the connection is there already, as it is for us."""
    words = host.ssh()
    control = ["-o", f"ControlPath={root}/control"]
    run_command(*words[:-1], *control, "-M", "-f", "-N", words[-1])
    try:
        begun = time.perf_counter()
        run_command("scp", "-q", *words[1:-1], *control, path, f"{words[-1]}:/var/tmp/copy")
        return time.perf_counter() - begun
    finally:
        run_command(*words[:-1], *control, "-O", "exit", words[-1])
        host.run("rm -f /var/tmp/copy")


def times(run: Run, controller: Controller, prefix: str = "") -> None:
    """Take the times of a release, a rollback and nothing to do, and what the app itself takes."""
    host = controller.hosts[0]
    host.run("cat > /root/alone.py", data=_ALONE)
    for number in range(1, run.rounds + 1):
        started, checked = alone(controller)
        run.keep(f"{prefix}the app's own boot", "app", number, started)
        run.keep(f"{prefix}deploy_check --server", "app", number, checked)
        for way, words in STARTS.items():
            controller.start = words
            text = run.next_change(controller.place)
            done = controller.release()
            wait_for(host.address, PORT, text, 0.0)
            keep_release(run, f"{prefix}release", way, number, done)
            beyond = done.seconds - started - checked
            run.keep(f"{prefix}release beyond boot and check", way, number, beyond)
            seconds = controller.release().seconds
            run.keep(f"{prefix}release of what is live", way, number, seconds)
            done = controller.release("rollback")
            keep_release(run, f"{prefix}rollback", way, number, done)
            run.keep(f"{prefix}rollback beyond boot", way, number, done.seconds - started)
    controller.start = STARTS["manage.py"]


def keep_release(run: Run, row: str, way: str, number: int, done: Ran) -> None:
    """Keep a command's time and its stages."""
    run.keep(row, way, number, done.seconds)
    run.keep(f"{row}: on the hosts", way, number, done.data["total_seconds"])
    for stage, seconds in done.data["seconds"].items():
        run.keep(f"{row}: {stage}", way, number, seconds)


def alone(controller: Controller) -> tuple[float, float]:
    """Return the seconds that the live release takes to start, and to be checked, by itself."""
    host = controller.hosts[0]
    variables = Peer(controller.place, host, name="shop").variables
    release = host.run("readlink -f /srv/shop/current").strip()
    rows = "\n".join(f"{key}={value}" for key, value in variables.items())
    out = host.run(f"python3 /root/alone.py {release} {host.address}:{PORT + 9} '{rows}'")
    started, checked = out.split()
    return float(started), float(checked)


def under_load(run: Run, controller: Controller) -> None:
    """Release and roll back under load, and hold the slowest request against quiet operation."""
    address = controller.hosts[0].address
    with Traffic(address, PORT) as traffic:
        time.sleep(2.0 if run.quick else _QUIET)
    quiet = traffic.result()
    run.say(f"quiet: {quiet}")
    with Traffic(address, PORT) as traffic:
        for number in range(2 if run.quick else run.switches):
            if number % 2:
                done = controller.release("rollback")
            else:
                run.next_change(controller.place)
                done = controller.release()
            run.say(f"under load: {done.data['release']} in {done.seconds:.1f} s")
    storm = traffic.result()
    run.say(f"under load: {storm}")
    run.samples.add("switches", "releasing", 1, number + 1)
    for name, seen in (("quiet", quiet), ("releasing", storm)):
        run.samples.add("requests", name, 1, seen.requests)
        run.samples.add("failed requests", name, 1, seen.failed)
        for quantity in ("p50", "p99", "slowest"):
            run.samples.add(f"{quantity} request", name, 1, getattr(seen, quantity) * 1000)


def side_by_side(run: Run, controller: Controller, peers: list[Peer]) -> None:
    """Release the same commits in every way: in quiet, then under load; then count bytes."""
    host = controller.hosts[0]
    ways: dict[str, tuple[int, Callable[[int], object]]] = {
        "ours": (PORT, lambda _: controller.release()),
        **{peer.name: (peer.port, peer.release) for peer in peers},
    }
    for number in range(1, run.rounds + 1):
        text = run.next_change(controller.place)
        for name, (port, release) in turned(ways, number):
            begun = time.perf_counter()
            release(2 * number)
            wait_for(host.address, port, text)
            run.keep("time", name, number, time.perf_counter() - begun)
        text = run.next_change(controller.place)
        for name, (port, release) in turned(ways, number):
            with Traffic(host.address, port) as traffic:
                time.sleep(1.0)
                release(2 * number + 1)
                wait_for(host.address, port, text)
                time.sleep(1.0)
            seen = traffic.result()
            run.say(f"{name} under load: {seen}, {seen.gap * 1000:.0f} ms without an answer")
            run.samples.add("failed", name, number, seen.failed)
            run.samples.add("slowest", name, number, seen.slowest * 1000)
            run.samples.add("gap", name, number, seen.gap * 1000)
    with Relay(host.address) as relay:
        controller.relays[host.address] = relay
        controller.write()
        for number in range(1, min(3, run.rounds) + 1):
            run.next_change(controller.place)
            for peer in peers:
                peer.relay = relay
            for name, (_, release) in ways.items():
                relay.taken()
                release(500 + number)
                run.keep("bytes", name, number, relay.taken() / _KIB)
                if name == "ours":
                    run.keep(
                        "bytes beyond the change",
                        name,
                        number,
                        run.samples.values["bytes"]["ours"][number][-1]
                        - changed_kib(controller.place),
                    )
        controller.relays.clear()
        controller.write()


def turned(
    ways: dict[str, tuple[int, Callable[[int], object]]], number: int
) -> list[tuple[str, tuple[int, Callable[[int], object]]]]:
    """Return the ways, each round beginning with another."""
    rows = list(ways.items())
    at = number % len(rows)
    return rows[at:] + rows[:at]


def changed_kib(place: Place) -> float:
    """Return the KiB of HEAD's changed files, each compressed."""
    names = run_command("git", "diff", "--name-only", "HEAD~1", "HEAD", cwd=place.project).split()
    return sum(len(zlib.compress((place.project / name).read_bytes(), 9)) for name in names) / _KIB


def large_project(run: Run) -> None:
    """Count the bytes of a one-line change in a project of 200 MB."""
    run.say("the large project")
    run.rounds = 1  # bytes do not hang on what else the machine does
    place = make_place(run.root, large=False, filling=20 if run.quick else 2000, with_pex=True)
    with booted(1, ("rsync",)) as hosts, Relay(hosts[0].address) as relay:
        controller = Controller(place, hosts, {hosts[0].address: relay})
        controller.write()
        controller.setup()
        run.next_change(place)
        controller.release()
        run.keep("large, first release", "ours", 1, relay.taken() / 1e6)
        build_both(place, 1)
        run.next_change(place)
        done = controller.release()
        sent = relay.taken() / _KIB
        run.keep("large, bytes", "ours", 1, sent)
        run.keep("large, bytes beyond the change", "ours", 1, sent - changed_kib(place))
        run.keep("large, release", "ours", 1, done.seconds)
        run.keep("large, memory", "ours", 1, done.taken.memory)
        build_both(place, 2)
        for name, count in copies(place, hosts[0], relay, (1, 2)).items():
            run.keep("large, bytes", name, 1, count / _KIB)


def build_both(place: Place, number: int) -> None:
    """Build a shiv and a pex of HEAD."""
    export = Peer(place, None, name="both").export(number)  # type: ignore[arg-type]
    for tool in (Shiv("shiv", place), Pex("pex", place)):
        job = tool.build(export, number)
        timed(job.argv, job.cwd, job.env)


def many_hosts(run: Run) -> None:
    """Hold a release to many hosts against one to a single host."""
    count = 3 if run.quick else run.hosts
    place = make_place(run.root, large=False)
    run.say(f"booting {count} hosts")
    with booted(count) as hosts:
        controller = Controller(place, hosts)
        controller.write()
        controller.setup()
        run.samples.add("many, hosts", "ours", 1, count)
        run.next_change(place)
        first = controller.release()
        run.keep("many, first release", f"{count} hosts", 1, first.seconds)
        run.keep("many, memory", "ours", 0, controller.most)
        one_and_all(run, controller, "many")
        if shares.why_not():
            run.say(f"hosts with shares of their own: {shares.why_not()}")
            return
        share = (os.cpu_count() or 1) / count
        run.samples.add("many apart, share", "ours", 1, share)
        with shares.held(hosts, share):
            one_and_all(run, controller, "many apart")


def one_and_all(run: Run, controller: Controller, row: str) -> None:
    """Release a change to one of the hosts, and one to all."""
    alone_name = f"deploy@{controller.hosts[0].address}"
    for number in range(1, run.rounds + 1):
        run.next_change(controller.place)
        single = controller.release("--hosts", alone_name)
        run.keep(f"{row}, release", "one", number, single.seconds)
        run.next_change(controller.place)
        every = controller.release()
        run.keep(f"{row}, release", "all", number, every.seconds)
        for stage, seconds in every.data["seconds"].items():
            run.keep(f"{row}: {stage}", "all", number, seconds)
            run.keep(f"{row}: {stage}", "one", number, single.data["seconds"].get(stage, 0.0))
        run.keep("many, memory", "ours", number, controller.most)
