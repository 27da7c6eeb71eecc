"""Building: front ends, Procfiles, locks above the project, where the bundle goes, memory."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from django_deploykit.runtime.base.documents import Document
from tests.integration.bundling import KEY, PYTHON, Shop, copy_shop, files_of, run_bundle
from tests.projects import IDENTITY, commit, manage, run
from tests.wheels import write_tree


@pytest.fixture
def copy(built_shop: Shop, tmp_path: Path) -> Path:
    """Return a copy of the shop's repository, to change."""
    return copy_shop(built_shop, tmp_path)


def bundled(project: Path, *argv: str) -> Document:
    """Bundle and return what ``--json`` says."""
    done = manage(project, "bundle", "--json", *argv)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_json_holds_what_machines_need(built_shop: Shop) -> None:
    facts = built_shop.facts
    assert {"path", "release_id", "commit", "sha256", "size", "layers", "seconds"} <= set(facts)
    assert Path(facts["path"]).stat().st_size == facts["size"]
    assert {"export", "collectstatic", "layers", "write"} <= set(facts["seconds"])
    assert Path(facts["path"]).parent == built_shop.project / ".deploykit/bundles"
    status = run("git", "status", "--porcelain", cwd=built_shop.project)
    assert status == ""  # .deploykit/ ignores itself


@pytest.mark.parametrize("name", ["settings.py", "models.py"])
def test_what_fails_in_the_working_copy_does_no_harm_without_manage_py(
    copy: Path, name: str
) -> None:
    module = copy / "shop" / name
    broken = "import os\n\nif not os.environ.get('DEPLOYKIT_BUILD'):\n    raise OSError('here')\n"
    module.write_text(broken + module.read_text(encoding="utf-8"), encoding="utf-8")
    commit(copy, "Break manage.py")
    assert manage(copy, "bundle").returncode != 0
    done = subprocess.run(
        [sys.executable, "-m", "django_deploykit", "bundle", "--json"],
        cwd=copy,
        env={**os.environ, **IDENTITY},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["layers"]


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_a_front_end_is_built_in_the_export_before_static_files_are_collected(copy: Path) -> None:
    package = {
        "name": "shop",
        "version": "1.0.0",
        "private": True,
        "scripts": {
            "build": "mkdir -p node_modules/x shop/static/built && touch node_modules/x/y && "
            "tr a-z A-Z < front.txt > shop/static/built/front.txt && env > shop/static/built/env.txt"
        },
    }
    lock = {
        "name": "shop",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": {"name": "shop", "version": "1.0.0"}},
    }
    write_tree(
        copy,
        {
            "package.json": json.dumps(package),
            "package-lock.json": json.dumps(lock),
            "front.txt": "built by npm\n",
        },
    )
    with (copy / "deploykit.ini").open("a") as file:
        file.write("\n[bundle]\nbuild = npm ci --offline --no-audit && npm run build\n")
    commit(copy)
    done = manage(copy, "bundle", "--json", SECRET_KEY=KEY, AWS_SECRET_ACCESS_KEY="never-seen")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    static = files_of(facts, "static")
    hashed = {
        name.rpartition("/")[2].split(".")[0]: data
        for name, data in static.items()
        if name.startswith("app/staticfiles/built/") and name.endswith(".txt")
    }
    assert hashed["front"] == b"BUILT BY NPM\n"
    assert any(".txt.gz" in name for name in static)
    seen = hashed["env"]
    assert KEY.encode() not in seen
    assert b"never-seen" not in seen
    assert not [name for name in files_of(facts, "app") if "node_modules" in name]


def test_what_settings_write_while_they_load_stays_out(copy: Path) -> None:
    with (copy / "shop/settings.py").open("a") as file:
        file.write("\n(BASE_DIR / 'debug.log').open('a').write('loaded')\n")
    with (copy / ".gitignore").open("a") as file:
        file.write("*.log\n")
    commit(copy)
    facts = bundled(copy)
    assert "app/debug.log" not in files_of(facts, "app")
    assert any("debug.log" in note for note in facts["notes"])


def test_procfile_lines_are_shell_commands(copy: Path, tmp_path: Path) -> None:
    write_tree(
        copy,
        {
            "Procfile": "release: yes | python manage.py migrate --noinput -v0 && echo migrated\n"
            "say: echo $GREETING on ${PORT:-none}\npython: GREETING=x python -c 'import sys; print(sys.prefix)'\n"
        },
    )
    commit(copy)
    facts = bundled(copy)
    assert facts["processes"]["web"].startswith("gunicorn --bind 0.0.0.0:${PORT:-8000}")
    env = {"HOME": str(tmp_path), "SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    done = run_bundle(facts["path"], "run", "release", **env)
    assert done.stdout.endswith("migrated\n"), done.stderr
    done = run_bundle(facts["path"], "run", "say", "twice", GREETING="hello", PORT="99", **env)
    assert done.stdout == "hello on 99 twice\n"
    done = run_bundle(facts["path"], "run", "python", **env)
    assert done.stdout.startswith(str(tmp_path))


def test_the_lock_may_lie_above_the_project(built_shop: Shop, tmp_path: Path) -> None:
    top = tmp_path / "top"
    ignored = shutil.ignore_patterns(".deploykit", ".git", "requirements.txt", "vendor")
    shutil.copytree(built_shop.project, top / "site", ignore=ignored)
    shutil.copy(built_shop.project / "requirements.txt", top)
    shutil.copytree(built_shop.project / "vendor", top / "vendor")
    write_tree(top, {"README": "not of the site"})
    run("git", "init", "-q", cwd=top)
    commit(top)
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(  # from where one stands in a repository of several parts
        [sys.executable, "site/manage.py", "bundle", "--json", "--output", "out/"],
        cwd=top,
        env={**env, **IDENTITY},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert next((top / "out").iterdir()).samefile(top / facts["path"])
    facts["path"] = str(top / facts["path"])
    names = set(files_of(facts, "app"))
    assert "app/manage.py" in names
    assert not [name for name in names if "README" in name or "vendor" in name]


def test_output_names_a_file_or_a_folder(copy: Path, tmp_path: Path) -> None:
    facts = bundled(copy, "--output", str(tmp_path / "deep" / "x.pyz"))
    assert facts["path"] == str(tmp_path / "deep" / "x.pyz")
    assert os.access(facts["path"], os.X_OK)
    facts = bundled(copy, "-o", str(tmp_path))
    assert Path(facts["path"]).name == f"shop-{facts['release_id']}.pyz"


def test_old_bundles_go_where_nobody_named_a_place(copy: Path, tmp_path: Path) -> None:
    folder = copy / ".deploykit" / "bundles"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for day in range(10, 22):
        path = folder / f"shop-202001{day}T000000-ab12cd3.pyz"
        path.touch()
        os.utime(path, (1_600_000_000 + day, 1_600_000_000 + day))
    bundled(copy, "--output", str(tmp_path / "x.pyz"))
    assert len(list(folder.iterdir())) == 12
    made = Path(bundled(copy)["path"])
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"shop-202001{day}T000000-ab12cd3.pyz" for day in range(13, 22)] + [made.name]
    )


def test_memory_does_not_grow_with_the_project(copy: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    with (copy / "large.bin").open("wb") as file:
        for _ in range(160):
            file.write(chance.randbytes(1 << 20))
    run("git", "config", "core.compression", "0", cwd=copy)  # it would find nothing to compress
    commit(copy)
    # As a clone has it. What is not packed yet, git maps as a whole, which the kernel can take back.
    run("git", "repack", "-adq", cwd=copy)
    formats = ("--format", "pyz", "--format", "wheelhouse", "--output", f"{tmp_path}/", "--json")
    out, peak = largest_process(copy, "manage.py", "bundle", *formats)
    assert peak < 150, f"{peak:.0f} MiB"
    facts = json.loads(out)
    assert all(one["size"] > 160 << 20 for one in facts["files"])
    wheelhouse = next(one["path"] for one in facts["files"] if one["format"] == "wheelhouse")
    _, peak = largest_process(copy, wheelhouse, str(tmp_path / "installed"), python=PYTHON)
    assert peak < 100, f"{peak:.0f} MiB"
    assert next((tmp_path / "installed").rglob("large.bin")).stat().st_size == 160 << 20


def largest_process(folder: Path, *words: str, python: str = sys.executable) -> tuple[str, float]:
    """Run Python; return its output, and the memory in MiB of its largest process."""
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(done.returncode)\n"
    )
    env = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    argv = [sys.executable, "-c", code, python, *words]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, int(done.stderr.split()[-1]) / (
        1 << (10 if sys.platform == "linux" else 20)
    )
