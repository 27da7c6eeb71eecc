"""Host verbs as they are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.main import main, parse, verb_parser


@pytest.fixture(autouse=True)
def silent_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give verbs a standard input through which they can be interrupted."""
    with open(os.devnull, encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        yield


@pytest.mark.parametrize("argv", [["log"], ["exec", "--", "check"], ["webserver", "nginx"]])
def test_errors_of_verbs_that_print_text_stay_out_of_it(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *more = argv
    assert main([verb, "--root", str(tmp_path), *more], tmp_path / "x.pyz") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {tmp_path}/site.json is missing: this host is not set up")
    assert "for the environment local, `manage.py release` does" in err


def test_errors_of_other_verbs_are_objects_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--root", str(tmp_path)], tmp_path / "x.pyz") == 1
    error = json.loads(capfd.readouterr().out)["error"]
    assert error["message"].endswith("this host is not set up for the project")


def test_a_result_is_an_object_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["facts", "--root", str(tmp_path)], tmp_path / "x.pyz") == 0
    assert json.loads(capfd.readouterr().out)["result"]["setup"] is False


def test_a_verb_completes_the_messages_that_it_uses_and_no_others(tmp_path: Path) -> None:
    site = Site("shop", tmp_path, tmp_path / "etc", tmp_path / "data", "plain")
    (tmp_path / "site.json").write_text(site.dumps())
    code = """
import sys
from pathlib import Path
from django_deploykit.runtime.cli.main import main
code = main(sys.argv[1:], Path("x.pyz"))
modules = [module for name, module in sys.modules.items() if ".runtime.wire." in name]
classes = {cls for module in modules for cls in vars(module).values() if isinstance(cls, type)}
complete = {cls.__name__ for cls in classes if "__dataclass_params__" in vars(cls)}
print(*sorted(complete - {"Call"}), file=sys.stderr)
sys.exit(code)
"""
    command = [sys.executable, "-c", code, "settle", "--root", str(tmp_path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stderr.split() == ["SettleResult"]


@pytest.mark.parametrize("verb", ["stage", "check", "kin", "migrate", "switch"])
def test_a_release_that_is_not_named_is_a_wrong_use(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--root", str(tmp_path)], tmp_path / "x.pyz")
    assert caught.value.code == 2
    assert "the following arguments are required: --release" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["facts", "hold", "status", "local-daemon"])
def test_outside_of_a_bundle_the_site_must_be_named(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb], tmp_path / "x.pyz", in_bundle=False)
    assert caught.value.code == 2
    assert "the following arguments are required: --root" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["dance"], ["_facts"], ["site", "nginx"]])
def test_an_unknown_verb_is_a_wrong_use(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(argv)
    assert caught.value.code == 2
    assert "usage: deploykit" in capsys.readouterr().err


def test_help_lists_what_people_call() -> None:
    text = verb_parser("").format_help()
    assert "switch to a release" in text
    assert "webserver" in text
    assert "local-daemon" not in text


def test_a_verb_that_is_not_listed_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["local-daemon", "--help"])
    assert "keep the processes of a local site running" in capsys.readouterr().out
