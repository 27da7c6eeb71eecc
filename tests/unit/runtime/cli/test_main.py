"""Host verbs as they are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_deploykit.runtime.base import deploy_lock
from django_deploykit.runtime.base.site import Site
from django_deploykit.runtime.cli.main import main, parse, verb_parser
from django_deploykit.runtime.cli.verbs import all_verbs
from tests.bundles import make_manifest, write_bundle

RELEASE = "20261101T000000-aaaaaaa"


@pytest.fixture(autouse=True)
def silent_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give verbs a standard input through which they can be interrupted."""
    with open(os.devnull, encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        yield


@pytest.mark.parametrize("argv", [["logs"], ["exec", "--", "check"], ["webserver", "nginx"]])
def test_errors_of_verbs_that_print_text_stay_out_of_it(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb, *more = argv
    assert main([verb, "--root", str(tmp_path), *more], tmp_path / "x.pyz") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {tmp_path}/site.json is missing: this host is not set up")
    assert err.endswith(
        "deploykit setup` once.\n" if os.geteuid() == 0 else "deploykit setup'` once.\n"
    )


def test_errors_of_other_verbs_are_objects_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words, in_bundle in ((["history"], False), (["history", "--json"], True)):
        words += ["--root", str(tmp_path)]
        assert main(words, tmp_path / "x.pyz", in_bundle=in_bundle) == 1
        error = json.loads(capfd.readouterr().out)["error"]
        assert error["message"].endswith("this host is not set up for the project")


def test_people_read_text_in_a_pipe_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_bundle(tmp_path / "x.pyz", make_manifest(()), {})
    assert main(["verify"], path) == 0
    assert capfd.readouterr().out.startswith(f"verified: {path}\n")
    assert main(["verify", "--json"], path) == 0
    assert json.loads(capfd.readouterr().out)["result"]["verified"] == str(path)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "expected a verb\n`{} --help` lists the verbs."),
        (["logs", "worker"], "usage: {} logs"),
        (["logs", "worker"], "logs: error: unrecognized arguments: worker"),
        (["stauts"], "did you mean `{} status`?"),
    ],
)
def test_wrong_words_are_answered_with_the_bundles_command(
    argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pyz"
    with pytest.raises(SystemExit) as caught:
        main(argv, path)
    assert caught.value.code == 2
    assert words.format(f"{path} deploykit") in capsys.readouterr().err


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


NEEDED = {
    **dict.fromkeys(
        ("stage", "upload", "check", "kin", "migrate", "switch", "failed"), "--release"
    ),
    "cancel": "ID",
    "exec": "COMMAND",
    "list": "digest",
    "prepare": "--site",
    "webserver": "server",
    "install-webserver": "server",
}
CHANGES_THE_HOST = ("setup", "remove", "local-daemon")


@pytest.mark.parametrize("verb", [one.name for one in all_verbs()])
def test_a_verb_without_its_arguments_is_a_wrong_use_and_never_a_crash(
    verb: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if verb in CHANGES_THE_HOST:
        assert parse([verb]).verb == verb
        return
    path = write_bundle(tmp_path / "x.pyz", make_manifest(()), {})
    if verb not in NEEDED:
        assert main([verb, "--root", str(tmp_path)], path) in (0, 1)
        return
    with pytest.raises(SystemExit) as caught:
        main([verb, "--root", str(tmp_path)], path)
    assert caught.value.code == 2
    assert f"the following arguments are required: {NEEDED[verb]}" in capfd.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["logs", "--lines", "0"],
        ["logs", "--lines", "-5"],
        ["logs", "--lines", "100000"],
        ["hold", "--wait", "nan"],
        ["install", "--wait", "-1"],
        ["rollback", "latest"],
    ],
)
def test_a_value_that_makes_no_sense_is_a_wrong_use(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(argv)
    assert caught.value.code == 2
    assert "error: argument" in capsys.readouterr().err


def test_a_program_that_the_host_lacks_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.json").write_text(
        Site("shop", tmp_path, tmp_path, tmp_path, supervisor="systemd").dumps()
    )
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (tmp_path / "releases" / RELEASE).mkdir(parents=True)
    (tmp_path / "shop.ini").touch()
    assert main(["exec", "--root", str(tmp_path), "--release", RELEASE, "check"], tmp_path) == 1
    err = capfd.readouterr().err
    assert err.startswith("error: exec failed: sudo No such file or directory")
    assert "apt-get install sudo" in err


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
    places = [text.index(f"\n    {name} ") for name in ("setup", "install", "status", "remove")]
    assert places == sorted(places)
    assert "webserver" in text
    assert "--help all" in text
    for name in ("switch", "hold", "receive", "local-daemon"):
        assert f"\n    {name} " not in text


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_all_lists_every_verb(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([option, "all"])
    assert ended.value.code == 0
    first = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert {verb.name for verb in all_verbs()} <= first


def test_a_verb_that_is_not_listed_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["local-daemon", "--help"])
    assert "keep the processes of a local site running" in capsys.readouterr().out


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("verb", ["status", "history", "facts", "hold", "settle", "logs"])
def test_root_becomes_the_owner_of_the_folder_before_a_verb_runs(verb: str, tmp_path: Path) -> None:
    """The owner cannot read this test's file, which is said before anything in the folder is read."""
    tmp_path.chmod(0o700)
    site, program = tmp_path / "site", tmp_path / "x.pyz"
    site.mkdir()
    program.touch()
    os.chown(site, 54321, 54321)
    code = (
        "import sys; from pathlib import Path; from django_deploykit.runtime.cli.main import main; "
        f"sys.exit(main([{verb!r}, '--root', {str(site)!r}], Path({str(program)!r}), in_bundle=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert f"54321, who cannot read {program}" in done.stdout + done.stderr


def test_only_verbs_that_open_nothing_in_the_folder_keep_root() -> None:
    keep = {one.name for one in all_verbs() if one.keeps_root}
    assert keep == {"info", "verify", "setup", "remove", "serve", "configure", "install-webserver"}


def test_an_interrupted_verb_has_one_exit_code(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text(Site("shop", tmp_path, tmp_path, tmp_path).dumps())
    code = (
        "import sys; from pathlib import Path; from django_deploykit.runtime.cli.main import main; "
        f"sys.exit(main(['prune', '--root', {str(tmp_path)!r}], Path('x.pyz'), in_bundle=False))"
    )
    with (
        deploy_lock.hold(tmp_path / "switch.lock", deploy_lock.LockNote(what="migrate", pid=7)),
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"until process 7 has ended" in process.stdout.readline()
        process.stdin.write(b"interrupt\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert process.wait(60) == answer["error"]["exit_code"] == 130
    assert answer["error"]["message"] == "interrupted; nothing was switched"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("stat", "invalid choice: 'stat'; did you mean `{bundle} deploykit status`?\n"),
        ("instal", "invalid choice: 'instal'; did you mean `{bundle} deploykit install`?\n"),
        ("local", "invalid choice: 'local'\n"),
        ("x\x1b[0m", "invalid choice: "),
    ],
)
def test_a_verb_that_does_not_exist_is_answered_with_the_nearest(
    typed: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "shop.pyz"
    with pytest.raises(SystemExit) as ended:
        main([typed], bundle)
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.format(bundle=bundle) in err
    assert f"`{bundle} deploykit --help` lists the verbs." in err
    assert "kin" not in err
    assert "\x1b" not in err
