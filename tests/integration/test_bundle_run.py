"""A bundle runs where there is nothing but a Python."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.bundle.main_script import cache_key
from django_deploykit.runtime.bundle.reader import BundleFile
from tests.bundles import write_bundle
from tests.integration.bundling import KEY, PYTHON, Shop, run_bundle
from tests.ports import claim_port


@contextlib.contextmanager
def serving(bundle: Path, port: int, *argv: str, **env: str) -> Iterator[str]:
    """Run a bundle that serves, yield its address when it answers, and end it."""
    process = subprocess.Popen(
        [PYTHON, str(bundle), *argv],
        env={"PATH": "/usr/bin:/bin", "SECRET_KEY": KEY, "SECURE": "no", **env},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < end, "it does not answer"
            with contextlib.suppress(OSError):
                get(address + "/up")
                break
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(120)


def get(url: str) -> bytes:
    """Return a page."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_alone_it_says_what_it_is_and_what_it_can_do(built_shop: Shop, tmp_path: Path) -> None:
    done = run_bundle(built_shop.bundle, HOME=str(tmp_path))
    assert done.returncode == 0
    for words in (
        f"shop {built_shop.facts['release_id']}",
        "check",
        "run web",
        "deploykit setup",
        "[django] secret_key",
    ):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []  # looking leaves no trace


def test_info_and_verify_say_what_json_said(built_shop: Shop) -> None:
    info = json.loads(run_bundle(built_shop.bundle, "deploykit", "info", "--json").stdout)["result"]
    assert info["commit"] == built_shop.facts["commit"]
    assert [one["sha256"] for one in info["layers"]] == [
        one["sha256"] for one in built_shop.facts["layers"]
    ]
    done = run_bundle(built_shop.bundle, "deploykit", "verify", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"]["layers"] == len(built_shop.facts["layers"])


def test_commands_run_through_a_link_from_elsewhere_cold_and_warm(
    built_shop: Shop, tmp_path: Path
) -> None:
    link = tmp_path / "a link.pyz"
    link.symlink_to(built_shop.bundle)
    env = {"HOME": str(tmp_path / "home"), "SECRET_KEY": KEY}
    for _ in range(2):
        done = run_bundle(link, "check", cwd=tmp_path, **env)
        assert (done.returncode, done.stderr) == (
            0,
            "System check identified no issues (0 silenced).\n",
        ) or ("no issues" in done.stdout), done.stderr
    cache = tmp_path / "home/.cache/django-deploykit/run"
    (release,) = (cache / "shop/releases").iterdir()
    assert list(iter_differences(release, built_shop)) == []
    where = run_bundle(link, "shell", "-c", "import sys; print(sys.prefix, sys.executable)", **env)
    assert where.stdout.split()[-2].startswith(str(cache))
    assert where.stdout.split()[-1].startswith(str(cache))
    missing = run_bundle(link, "check", HOME=env["HOME"])
    assert missing.returncode == 1
    assert "SECRET_KEY is not set" in missing.stderr
    assert "Traceback" not in missing.stderr


def iter_differences(release: Path, shop: Shop) -> Iterator[str]:
    """Yield the files of layers that the extracted release does not have as they are."""
    with BundleFile(shop.bundle) as bundle:
        for layer in bundle.manifest.layers:
            for one in bundle.entries(layer.sha256):
                path = release / one.path
                if hashlib.sha256(path.read_bytes()).hexdigest() != one.sha256:
                    yield f"{one.path} has another content"
                if bool(path.stat().st_mode & 0o100) != (one.mode == 0o755):
                    yield f"{one.path} has another mode"


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("DEPLOYKIT_CACHE", "shop/releases"),
        ("CACHE_DIRECTORY", "shop/releases"),
        ("XDG_CACHE_HOME", "django-deploykit/run/shop/releases"),
    ],
)
def test_the_environment_says_where_it_is_extracted(
    tmp_path: Path, tiny: Path, name: str, below: str
) -> None:
    done = run_bundle(tiny, "hello", HOME="/nonexistent", **{name: str(tmp_path / "here")})
    assert done.stdout == "hello from manage.py\n"
    assert len(list((tmp_path / "here" / below).iterdir())) == 1


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a bundle without dependencies, which starts at once."""
    from tests.bundles import make_layer, make_manifest

    tree = {"app/manage.py": b"import sys\nprint(sys.argv[1], 'from manage.py')\n"}
    manifest = make_manifest((make_layer("app", "app", "", tree),))
    return write_bundle(tmp_path / "tiny.pyz", manifest, {"app": tree})


def test_several_first_starts_at_once_give_one_release(built_shop: Shop, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SECRET_KEY": KEY}
    words = [PYTHON, str(built_shop.bundle), "check"]
    started = [
        subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    folder = tmp_path / ".cache/django-deploykit/run/shop"
    assert len(list((folder / "releases").iterdir())) == 1
    names = [path.name for path in (folder / "store").iterdir()]
    assert len(names) == 2 * len(built_shop.facts["layers"])
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.skipif(shutil.which("unshare") is None or os.getuid() != 0, reason="needs unshare")
def test_without_network_home_or_anything_to_write_but_tmp(
    built_shop: Shop, tmp_path: Path
) -> None:
    script = (
        "mount -o bind,ro / /mnt && mount -t tmpfs none /mnt/tmp && mount -t proc proc /mnt/proc && "
        "cp $1 /mnt/tmp/shop.pyz && cd /mnt && "
        'exec chroot /mnt env -i PATH=/usr/bin:/bin HOME=/root SECRET_KEY="$2" "$3" /tmp/shop.pyz check'
    )
    done = subprocess.run(
        [
            "unshare",
            "-n",
            "-m",
            "-p",
            "-f",
            "sh",
            "-c",
            script,
            "sh",
            built_shop.bundle,
            KEY,
            PYTHON,
        ],
        capture_output=True,
        text=True,
    )
    if "mount" in done.stderr:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_web_listens_where_port_says_with_the_workers_that_are_asked_for(
    built_shop: Shop, tmp_path: Path
) -> None:
    port = claim_port()
    env = {"HOME": str(tmp_path), "PORT": str(port), "WEB_CONCURRENCY": "3"}
    env["DATABASE_URL"] = f"sqlite:///{tmp_path}/shop.sqlite3"
    assert run_bundle(built_shop.bundle, "migrate", "-v0", SECRET_KEY=KEY, **env).returncode == 0
    with serving(built_shop.bundle, port, "run", "web", **env) as address:
        page = get(address).decode()
        assert "<h1>" in page
        style = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        assert b"{" in get(address + style)
        found = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _is_master(path, port)]
        assert [len(children(pid)) for pid in found] == [3]


def _is_master(path: Path, port: int) -> bool:
    """Whether a process is the gunicorn that our environment started, and not a worker of it."""
    try:
        env = (path / "environ").read_bytes().split(b"\0")
        line = (path / "cmdline").read_bytes()
        parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
        above = Path(f"/proc/{parent}/cmdline").read_bytes()
    except OSError:
        return False
    return f"PORT={port}".encode() in env and b"gunicorn" in line and b"gunicorn" not in above


def test_runserver_serves(built_shop: Shop, tmp_path: Path) -> None:
    port = claim_port()
    env = {"HOME": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3"}
    words = ("runserver", "--noreload", f"127.0.0.1:{port}")
    with serving(built_shop.bundle, port, *words, **env) as address:
        assert get(address + "/up")


def test_a_process_that_is_not_there_is_named_with_those_that_are(
    built_shop: Shop, tmp_path: Path
) -> None:
    for _ in range(2):
        done = run_bundle(built_shop.bundle, "run", "wbe", HOME=str(tmp_path))
        assert done.returncode == 2
        assert "unknown process wbe; the Procfile has: web" in done.stderr


def test_another_python_or_platform_is_named(tmp_path: Path) -> None:
    from tests.bundles import make_layer, make_manifest

    tree = {"app/manage.py": b""}
    layer = make_layer("app", "app", "", tree)
    for changes, words in (
        ({"python": "3.99"}, "the bundle needs Python 3.99; this machine has"),
        ({"platform": "linux-s390x"}, "the bundle is for linux-s390x; this machine is"),
        ({"platform": "HERE", "glibc": "9.9"}, "needs glibc 9.9 or newer"),
    ):
        from django_deploykit.runtime.base.machine import here_platform

        values = {
            key: here_platform() if value == "HERE" else value for key, value in changes.items()
        }
        manifest = make_manifest((layer,), **values)
        path = write_bundle(tmp_path / "x.pyz", manifest, {"app": tree})
        done = run_bundle(path, "check", HOME=str(tmp_path))
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


_PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
OLD = sorted(_PYENV.glob("versions/3.8.*/bin/python"))


@pytest.mark.skipif(not OLD, reason="no Python too old to run a bundle is here")
def test_a_python_that_is_too_old_hands_over_or_says_so(tiny: Path, tmp_path: Path) -> None:
    done = run_bundle(tiny, "check", python=str(OLD[0]), HOME=str(tmp_path), PATH="/nonexistent")
    assert done.returncode == 1
    with BundleFile(tiny) as bundle:
        assert f"the bundle needs Python {bundle.manifest.python}" in done.stderr
    path = f"{Path(PYTHON).parent}:/usr/bin:/bin"
    done = run_bundle(tiny, "hello", python=str(OLD[0]), HOME=str(tmp_path), PATH=path)
    assert done.stdout == "hello from manage.py\n"


@pytest.fixture
def private(tiny: Path) -> Iterator[Path]:
    """Return where a bundle is extracted when its cache cannot be used; it is gone afterwards."""
    with BundleFile(tiny) as bundle:
        key = cache_key(bundle.read("manifest.json"))
    folder = Path(f"/tmp/django-deploykit-{os.getuid()}/shop/releases/{key}")
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_cache_that_others_can_write_is_not_used(
    tiny: Path, tmp_path: Path, private: Path
) -> None:
    folder = tmp_path / "mine"
    run_bundle(tiny, "hello", DEPLOYKIT_CACHE=str(folder))
    release = next((folder / "shop/releases").iterdir())
    (release / "app/manage.py").unlink()
    (release / "app/manage.py").write_text("print('changed')")
    assert run_bundle(tiny, "hello", DEPLOYKIT_CACHE=str(folder)).stdout == "changed\n"
    folder.chmod(0o777)  # anybody could have written there
    done = run_bundle(tiny, "hello", DEPLOYKIT_CACHE=str(folder))
    assert done.stdout == "hello from manage.py\n"
    assert private.is_dir()
