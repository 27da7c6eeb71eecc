"""What distributions carry works in a release: paths, namespaces, data, scripts, extensions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from django_deploykit.bundle.build_cache import is_cached, layer_folder
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.errors import BundleError, Problems
from django_deploykit.runtime.base.machine import here_platform
from tests.integration.bundling import PYTHON, Stage, build_environment
from tests.projects import IDENTITY, run, uv
from tests.wheels import locked, make_sdist, make_wheel, sha256, source_files, write_tree

C = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "%s_fast", __FILE__, -1, NULL};
PyMODINIT_FUNC PyInit_%s_fast(void) { return PyModule_Create(&module); }
"""


def lock(folder: Path, *lines: str) -> Path:
    """Write the lock of a project folder."""
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def test_pth_namespaces_data_scripts_and_entry_points_work(
    tmp_path: Path, links: Path, stage: Stage
) -> None:
    first = make_wheel(
        links,
        "space_one",
        {
            "space/one/__init__.py": "VALUE = 1\n",
            "old/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
            "old/one.py": "",
        },
    )
    second = make_wheel(
        links,
        "space_two",
        {
            "space/two.py": "VALUE = 2\n",
            "old/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
            "old/two.py": "",
        },
    )
    rich = make_wheel(
        links,
        "carrier",
        {
            "carrier.py": "def main():\n    print('carried')\n",
            "carrier_data/text.txt": "inside",
            "carrier.pth": "import sys; sys.carried = True\n",
            "data/data/share/carrier/note.txt": "shared",
            "data/data/carrier-conf/a.ini": "[a]\n",
            "data/data/LICENSE": "free",
            "data/headers/carrier.h": "/* */",
            "data/scripts/carry.sh": "#!/bin/sh\necho shell\n",
            "data/scripts/carry-py": "#!python\nimport sys, carrier; print(sys.prefix)\n",
        },
        entry_points="[console_scripts]\ncarrier = carrier:main\n[shop.plugins]\none = carrier:main\n",
    )
    staged = stage(lock(tmp_path / "p", locked(first), locked(second), locked(rich)))
    release = staged.release
    code = "import space.one, space.two, old.one, old.two; print(space.one.VALUE + space.two.VALUE)"
    assert staged.python(code) == "3"
    assert staged.python("import sys; print(sys.carried)") == "True"
    assert staged.run("carrier") == "carried"
    assert staged.run("carry.sh") == "shell"
    assert staged.run("carry-py") == str(release)
    assert (release / "share/carrier/note.txt").read_text() == "shared"
    assert (release / "carrier-conf/a.ini").is_file()
    assert (release / "LICENSE").is_file()
    names = "from importlib.metadata import entry_points, version; print(version('carrier'), *[e.name for e in entry_points(group='shop.plugins')])"
    assert staged.python(names) == "1.0 one"
    data = "from importlib.resources import files; print(files('carrier_data').joinpath('text.txt').read_text())"
    assert staged.python(data) == "inside"
    files = "from importlib.metadata import files; print(all(f.locate().exists() for f in files('carrier')))"
    assert staged.python(files) == "True"


def test_no_file_of_a_release_names_the_machine_that_built_it(
    tmp_path: Path, links: Path, stage: Stage
) -> None:
    wheel = make_wheel(
        links,
        "placeless",
        {"placeless.py": "def main(): pass\n", "data/scripts/place": "#!python\n"},
        entry_points="[console_scripts]\nplaceless = placeless:main\n",
    )
    staged = stage(lock(tmp_path / "p", locked(wheel)))
    store = Path(tmp_path / "run-cache" / "shop" / "store")
    for path in store.rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
    assert staged.environment.built == ()


def test_one_file_of_two_distributions_is_the_first_ones_in_any_order(
    tmp_path: Path, links: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = [
        make_wheel(links, name, {f"{name}.py": "", "tests/__init__.py": f"OWNER = '{name}'\n"})
        for name in ("twin_b", "twin_a", "twin_c")
    ]
    project = lock(tmp_path / "p", *(locked(one) for one in wheels))
    staged = stage(project)
    assert staged.python("import tests; print(tests.OWNER)") == "twin_a"
    assert staged.environment.shared == (
        "tests/__init__.py is from twin-a, not from twin-b, twin-c",
    )
    first = [layer.sha256 for layer in staged.environment.layers]
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "another"))
    monkeypatch.setenv("UV_CONCURRENT_INSTALLS", "1")
    again = build_environment(lock(tmp_path / "q", *(locked(one) for one in wheels[::-1])))
    assert [layer.sha256 for layer in again.layers] == first


def test_a_source_only_distribution_is_built_once_named_and_the_same_elsewhere(
    tmp_path: Path, links: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_sdist(links, "sourceonly")
    fast = make_sdist(links, "sourcefast", c=C % ("sourcefast", "sourcefast"))
    project = lock(tmp_path / "p", locked(plain), locked(fast))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv1"))
    staged = stage(project)
    assert staged.environment.built == ("sourcefast 1.0", "sourceonly 1.0")
    assert staged.environment.platform == here_platform()
    assert staged.python("import sourcefast_fast, sourceonly; print(sourceonly.NAME)") == (
        "sourceonly"
    )
    before = (staged.environment.folder / "environment.json").stat().st_mtime_ns
    assert build_environment(project).built == staged.environment.built
    assert (staged.environment.folder / "environment.json").stat().st_mtime_ns == before
    # Elsewhere: other caches, another place, another version of what builds.
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-uv-cache"))
    monkeypatch.setenv("DEPLOYKIT_BUILD_CACHE", str(tmp_path / "another"))
    monkeypatch.setenv("TEST_GENERATOR", "2")
    again = build_environment(project)
    assert again.folder != staged.environment.folder
    assert again.layers == staged.environment.layers


def test_packages_of_the_repository_and_full_vcs_commits_count_as_locked(
    tmp_path: Path, links: Path, stage: Stage
) -> None:
    project = tmp_path / "p"
    write_tree(project / "packages" / "inner", source_files("inner"))
    write_tree(tmp_path / "vcs", source_files("fromgit"))
    run("git", "init", "-q", cwd=tmp_path / "vcs")
    run("git", "add", "-A", cwd=tmp_path / "vcs")
    run("git", "commit", "-qm", "x", cwd=tmp_path / "vcs", **IDENTITY)
    sha = run("git", "rev-parse", "HEAD", cwd=tmp_path / "vcs").strip()
    wheel = make_wheel(project / "vendor", "carried", {"carried.py": ""})
    lock(
        project,
        "./packages/inner\n",
        f"fromgit @ git+file://{tmp_path}/vcs@{sha}\n",
        f"./vendor/{wheel.name} --hash={sha256(wheel)}\n",
    )
    staged = stage(project)
    assert staged.python("import inner, fromgit, carried; print(inner.NAME, fromgit.NAME)") == (
        "inner fromgit"
    )
    before = staged.environment.layers
    shutil.copytree(project, tmp_path / "export")
    (tmp_path / "export/packages/inner/inner.py").write_text("NAME = 'changed'\n")
    changed = build_environment(tmp_path / "export")
    assert [layer.name for layer in changed.layers if layer not in before] == ["inner"]


def make_index(folder: Path, *names: str) -> Path:
    """Write a package index of one wheel for each name."""
    for name in names:
        wheel = make_wheel(folder / name, name, {f"{name}.py": ""})
        link = f'<a href="{wheel.name}#{sha256(wheel).replace(":", "=")}">{wheel.name}</a>'
        (folder / name / "index.html").write_text(
            f"<!DOCTYPE html><html><body>{link}</body></html>"
        )
    return folder


def test_a_uv_lock_with_paths_and_a_commit_is_installed_from_the_index_of_this_machine(
    tmp_path: Path, links: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path / "vcs", source_files("uvgit"))
    run("git", "init", "-q", "-b", "main", cwd=tmp_path / "vcs")
    run("git", "add", "-A", cwd=tmp_path / "vcs")
    run("git", "commit", "-qm", "x", cwd=tmp_path / "vcs", **IDENTITY)
    project = tmp_path / "p"
    write_tree(project / "packages" / "uvpath", source_files("uvpath"))
    wheel = make_wheel(project / "vendor", "uvwheel", {"uvwheel.py": ""})
    index = make_index(tmp_path / "index", "uvindex", "uvdev", "uvextra")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"file://{index}")
    (project / "pyproject.toml").write_text(
        f"""
[project]
name = "site"
version = "0"
requires-python = ">=3.10"
dependencies = ["uvgit", "uvpath", "uvwheel", "uvindex"]
[project.optional-dependencies]
more = ["uvextra"]
[dependency-groups]
dev = ["uvdev"]
[tool.uv.sources]
uvgit = {{ git = "file://{tmp_path}/vcs", branch = "main" }}
uvpath = {{ path = "packages/uvpath" }}
uvwheel = {{ path = "vendor/{wheel.name}" }}
"""
    )
    run(uv(), "lock", "-q", cwd=project)
    # The lock names that index; this machine has another one of the same files.
    index.rename(tmp_path / "mirror")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"file://{tmp_path}/mirror")
    staged = stage(project, "uv.lock")
    names = [layer.name for layer in staged.environment.layers]
    assert names == ["uvgit", "uvindex", "uvpath", "uvwheel"]
    assert staged.python("import uvgit, uvpath, uvwheel, uvindex; print(uvgit.NAME)") == "uvgit"
    more = build_environment(project, "uv.lock", extras=("more",))
    assert "uvextra" in [layer.name for layer in more.layers]


def test_a_pylock_is_installed_as_locked(tmp_path: Path, links: Path, stage: Stage) -> None:
    make_wheel(links, "tinypyone", {"tinypyone.py": ""}, needs=("tinypytwo",))
    make_wheel(links, "tinypytwo", {"tinypytwo.py": ""}, version="2.5")
    project = tmp_path / "p"
    project.mkdir()
    (project / "requirements.in").write_text("tinypyone\n")
    run(uv(), "pip", "compile", "-q", "requirements.in", "-o", "pylock.toml", cwd=project)
    staged = stage(project, "pylock.toml")
    assert [(layer.name, layer.version) for layer in staged.environment.layers] == [
        ("tinypyone", "1.0"),
        ("tinypytwo", "2.5"),
    ]


def test_refuses_a_file_whose_hash_is_not_the_locked_one(
    tmp_path: Path, links: Path, caches: Path
) -> None:
    wheel = make_wheel(links, "forged", {"forged.py": ""})
    line = locked(wheel)
    make_wheel(links, "forged", {"forged.py": "import os\n"})
    with pytest.raises(BundleError) as caught:
        build_environment(lock(tmp_path / "p", line))
    assert "forged" in caught.value.message
    assert "not the locked one" in caught.value.hint
    assert not list((caches / "build-cache" / "environments").glob("*"))


@pytest.mark.parametrize("tag", ["cp39-cp39-win32", "cp310-cp310-manylinux_2_17_s390x"])
def test_refuses_where_no_wheel_fits_the_target(
    tmp_path: Path, links: Path, caches: Path, tag: str
) -> None:
    wheel = make_wheel(links, "elsewhere", {"elsewhere.py": ""}, tag=tag)
    with pytest.raises(BundleError) as caught:
        build_environment(lock(tmp_path / "p", locked(wheel)))
    assert "elsewhere" in caught.value.message
    assert "--platform" in caught.value.hint


def test_takes_the_wheel_of_a_foreign_platform(tmp_path: Path, links: Path, caches: Path) -> None:
    foreign = "linux-aarch64" if here_platform() != "linux-aarch64" else "linux-x86_64"
    machine = foreign.partition("-")[2]
    tag = "py3-none-manylinux_2_17_"
    far = make_wheel(links, "native", {"native_far.py": ""}, tag=tag + machine)
    near = make_wheel(
        links, "native", {"native_near.py": ""}, tag=tag + here_platform().partition("-")[2]
    )
    line = f"native==1.0 --hash={sha256(far)} --hash={sha256(near)}\n"
    project = lock(tmp_path / "p", line)
    environment = build_environment(project, platform=foreign)
    site = next(environment.folder.glob("venv/lib/*/site-packages"))
    assert (site / "native_far.py").is_file()
    assert (environment.platform, environment.glibc) == (foreign, "2.17")
    with pytest.raises(BundleError, match="unknown"):
        build_environment(project, platform="amiga-68k")


def test_needs_of_every_patch_release_come_along(tmp_path: Path, links: Path, stage: Stage) -> None:
    import sys

    python = "{}.{}".format(*sys.version_info)
    early = make_wheel(links, "earlypatch", {"earlypatch.py": ""})
    never = make_wheel(links, "neverpatch", {"neverpatch.py": ""})
    staged = stage(
        lock(
            tmp_path / "p",
            locked(early).replace(" --", f" ; python_full_version < '{python}.1' --"),
            locked(never).replace(" --", f" ; python_full_version < '{python}' --"),
        )
    )
    assert [layer.name for layer in staged.environment.layers] == ["earlypatch"]


def test_refuses_distributions_that_would_write_over_the_project_or_the_release(
    tmp_path: Path, links: Path, caches: Path
) -> None:
    wheel = make_wheel(
        links, "greedy", {"data/data/app/manage.py": "", "data/data/pyvenv.cfg": "home = /"}
    )
    with pytest.raises(Problems) as caught:
        build_environment(lock(tmp_path / "p", locked(wheel)))
    assert "greedy 1.0" in caught.value.message
    assert "app/manage.py" in caught.value.problems


def test_what_the_lock_lacks_is_said(tmp_path: Path, links: Path, caches: Path) -> None:
    wheel = make_wheel(links, "needy", {"needy.py": ""}, needs=("absent-thing>=2",))
    environment = build_environment(lock(tmp_path / "p", locked(wheel)))
    assert len(environment.missing) == 1
    assert "absent-thing" in environment.missing[0]


def test_layers_do_not_depend_on_modes_places_or_the_order_of_files(
    tmp_path: Path, caches: Path
) -> None:
    rows = []
    for number, folder in enumerate(("a", "deeper/b")):
        base = write_tree(tmp_path / folder, {"x.py": "X = {1, 'a', None}\n", "y.txt": "y"})
        (base / "x.py").chmod(0o600 if number else 0o644)
        files = [(f"app/{name}", str(base / name)) for name in ("x.py", "y.txt")]
        tree = Tree("app", "app", "", tuple(files[:: 1 if number else -1]))
        rows += pack_all([tree], PYTHON)
    assert rows[0] == rows[1]


def test_a_damaged_layer_of_the_cache_is_removed_and_made_again(
    tmp_path: Path, links: Path, stage: Stage
) -> None:
    wheel = make_wheel(links, "tinycached", {"tinycached.py": "X = 1\n" * 1000})
    project = lock(tmp_path / "p", locked(wheel))
    staged = stage(project)
    before = staged.bundle.read_bytes()
    digest = staged.environment.layers[0].sha256
    path = layer_folder() / f"{digest}.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=f"{digest[:12]} was damaged and has been removed"):
        stage(project)
    assert staged.bundle.read_bytes() == before  # the last good one stays
    assert not is_cached(digest)
    assert stage(project).bundle.read_bytes() == before
