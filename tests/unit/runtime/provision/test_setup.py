"""How the verb setup finds a site's options: arguments, request, the site so far, defaults."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from django_deploykit.runtime.base.errors import DeployKitError
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.base.site_options import SITE_OPTIONS
from django_deploykit.runtime.bundle.manifest import Process
from django_deploykit.runtime.provision.plan import Action, SetupRequest, State
from django_deploykit.runtime.provision.setup import (
    SetupEffects,
    _kinds,
    _left,
    _site,
    add_arguments,
    root_python_problem,
    setup,
)
from django_deploykit.runtime.supervisors.root_python import StoredPython
from django_deploykit.runtime.wire.events import Activity, Event
from django_deploykit.runtime.wire.voice import Voice
from tests.bundles import make_manifest, write_bundle


def parse(*words: str) -> argparse.Namespace:
    """Return the verb's parsed arguments."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(words)


def site(root: Path, *words: str, **request: object) -> Site:
    """Return the site that setup would make of arguments and a request."""
    return _site(parse(*words), "shop", root, request)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert site(tmp_path) == Site(
        "shop", tmp_path, Path("/etc/shop"), Path("/var/lib/shop"), listen="/run/shop/web.sock"
    )


def test_every_option_is_an_argument(tmp_path: Path) -> None:
    words = ["--listen=127.0.0.1:1", "--health=/up", "--host=a.example", "--keep=3", "--boot=2m"]
    words += ["--drain=5", "--roles=web,worker", "--limits=web.tasks_max=9"]
    words += ["--apparmor=enforce", "--no-proxy"]
    assert len(words) == len(SITE_OPTIONS)
    assert site(tmp_path, *words).site_values() == {
        "listen": "127.0.0.1:1",
        "health": "/up",
        "host": "a.example",
        "keep": 3,
        "boot": 120.0,
        "drain": 5.0,
        "roles": ("web", "worker"),
        "limits": ("web.tasks_max=9",),
        "apparmor": "enforce",
        "proxied": False,
    }


def test_arguments_override_the_request_and_that_the_site_so_far(tmp_path: Path) -> None:
    before = Site("shop", tmp_path, tmp_path, tmp_path, keep=2, boot=2, drain=2, listen="/run/no")
    (tmp_path / "site.json").write_text(before.dumps(), encoding="utf-8")
    found = site(tmp_path, "--keep=4", keep=3, boot=3)
    assert (found.keep, found.boot, found.drain) == (4, 3.0, 2.0)
    # The deploy user can write site.json, which decides neither paths nor where root listens.
    assert (found.listen, found.etc) == ("/run/shop/web.sock", Path("/etc/shop"))


def test_a_damaged_site_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text('{"keep": "many"}', encoding="utf-8")
    assert site(tmp_path).keep == 5


def test_a_wrong_request_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployKitError, match="the request is not valid: keep must be a whole"):
        site(tmp_path, keep="many")


def test_a_wrong_argument_says_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((argparse.ArgumentError, SystemExit)) as caught:
        parse("--keep", "none")
    said = str(caught.value) + capsys.readouterr().err
    assert "argument --keep: must be a whole number of at least 1, not 'none'" in said


class Recorded(Voice):
    """A voice whose events are kept."""

    def __init__(self) -> None:
        super().__init__(person=False)
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def bundle_in(folder: Path) -> Path:
    return write_bundle(folder / "shop.pyz", make_manifest(()), {}, {"sample.ini": b"[django]\n"})


def host(state: State, done: list[Action]) -> SetupEffects:
    return SetupEffects(
        validate=lambda: None,
        look=lambda request: state,
        apply=done.append,
        root_python=lambda request: "",
    )


def asked_for(*words: str) -> argparse.Namespace:
    found = parse(*words)
    found.root = Path("/srv/no-such-shop")
    return found


def test_a_bare_host_is_set_up_step_by_step(tmp_path: Path) -> None:
    done: list[Action] = []
    asked = asked_for("--user=deploy")
    voice = Recorded()
    result = setup(asked, bundle_in(tmp_path), voice, host(State(), done))
    assert result.changed
    assert result.user == "deploy"
    assert list(result.plan) == [str(action) for action in done]
    assert {"login", "account", "file", "secret", "own", "enable"} <= {one.kind for one in done}
    steps = [one.of for one in voice.events if isinstance(one, Activity) and one.what == "step"]
    assert steps == list(result.plan)


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    done: list[Action] = []
    asked = asked_for("--user=deploy", "--plan")
    result = setup(asked, bundle_in(tmp_path), Recorded(), host(State(), done))
    assert done == []
    assert not result.changed
    assert result.plan


def test_problems_are_reported_before_any_change(tmp_path: Path) -> None:
    done: list[Action] = []
    asked = asked_for("--user=root")
    with pytest.raises(DeployKitError, match="cannot be the deploy user"):
        setup(asked, bundle_in(tmp_path), Recorded(), host(State(), done))
    assert done == []


def stage(root: Path, number: int, processes: int) -> None:
    """Write the manifest of a staged release, as the deploy user can."""
    release = f"20261123T0415{number // 60:02}{number % 60:02}"[:15] + f"-{number:07x}"
    names = tuple(Process(f"p{number}-{one}", "true") for one in range(processes))
    folder = root / "releases" / release
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        make_manifest((), release_id=release, processes=names).dumps()
    )


@pytest.mark.parametrize(
    ("releases", "processes", "message"),
    [(3, 40, "more than 100 processes"), (201, 1, "has 201 releases, and setup reads at most 200")],
)
def test_a_deploy_user_who_stages_too_much_is_refused(
    tmp_path: Path, releases: int, processes: int, message: str
) -> None:
    done: list[Action] = []
    asked = asked_for("--user=deploy")
    asked.root = tmp_path / "srv"
    for number in range(releases):
        stage(asked.root, number, processes)
    with pytest.raises(DeployKitError, match=message):
        setup(asked, bundle_in(tmp_path), Recorded(), host(State(), done))
    assert done == []


def test_processes_of_staged_releases_have_units_for_rollbacks(tmp_path: Path) -> None:
    stage(tmp_path, 1, 2)
    kinds = _kinds(make_manifest(()), replace(site(tmp_path), root=tmp_path))
    assert [one.name for one in kinds] == ["web", "p1-0", "p1-1"]


def test_variables_that_lack_or_cannot_be_read_are_left_to_do(tmp_path: Path) -> None:
    request = SetupRequest(
        Site("shop", tmp_path, tmp_path, tmp_path), (), "deploy", "", required=()
    )
    path = tmp_path / "shop.env"
    path.write_text("DEBUG=no\nTOKEN\n")
    path.chmod(0o640)
    manifest = make_manifest((), required=("[django] debug", "[environment] TOKEN"))
    assert _left(request, manifest, State()) == [
        f"set TOKEN in {path}",
        f"correct {path}:2: expected NAME=value",
        f"let nobody but root read {path}: chmod 600 {path}",
    ]


def test_a_helper_that_could_not_run_is_a_problem(tmp_path: Path) -> None:
    missing = SetupRequest(site(tmp_path), (), "deploy", python=str(tmp_path / "python3"))
    assert "this host has no Python, and setup is not run by the bundle's own" in (
        root_python_problem(missing)
    )
    copied = StoredPython(tmp_path, "a" * 64)
    assert root_python_problem(replace(missing, copied=copied)) == ""
    (tmp_path / "python3").touch()
    assert root_python_problem(missing) == ""
