"""Drop-ins that give a process other variables than checks and commands get."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.runtime.supervisors.drop_ins import (
    drop_in_warnings,
    iter_settings,
    paths_by_unit,
)

UNIT = "shop-web@.service"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("[Service]\nEnvironment=DEBUG=yes\n", ["Environment= (DEBUG)"]),
        (
            "[Service]\nEnvironment = \"MAIL=a b\" 'URL=x=y' LAST=\n",
            ["Environment= (MAIL, URL, LAST)"],
        ),
        ("[Service]\nEnvironment=A=1 \\\n  B=2\n", ["Environment= (A, B)"]),
        ("[Service]\nEnvironment=\n", ["Environment="]),
        ("[Service]\nEnvironment=A='open\n", ["Environment= (A)"]),
        ("[Service]\nEnvironmentFile=-/etc/web.env\n", ["EnvironmentFile="]),
        ("[Service]\nEnvironmentFile=\n", ["EnvironmentFile="]),
        ("[Service]\nPassEnvironment=DEBUG\n", ["PassEnvironment= (DEBUG)"]),
        ("[Service]\nUnsetEnvironment=DEBUG\n", ["UnsetEnvironment= (DEBUG)"]),
        ("[Service]\nLoadCredential=shop.ini:/etc/other.ini\n", ["LoadCredential="]),
        ("[Service]\nSetCredential=shop.ini:x\n", ["SetCredential="]),
        ("[Service]\n#Environment=DEBUG=yes\n; Environment=DEBUG=yes\nNice=5\n", []),
        ("[Service]\nEnvironment=WEB_CONCURRENCY=4 GUNICORN_CMD_ARGS=--threads=2\n", []),
        ("[Service]\nEnvironment=WEB_CONCURRENCY=4 DEBUG=s3cret\n", ["Environment= (DEBUG)"]),
        ("", []),
    ],
)
def test_names_what_changes_what_a_process_reads(text: str, settings: list[str]) -> None:
    assert list(iter_settings(text)) == settings


def test_drop_ins_that_commands_have_too_are_left_out() -> None:
    folder = "/etc/systemd/system"
    own = f"{folder}/{UNIT}.d/one.conf"
    one = f"{folder}/shop-web@1.service.d/two.conf"
    shown = {
        "Id": "shop-web@1.service",
        "DropInPaths": f"{folder}/service.d/all.conf {folder}/shop-.service.d/a.conf {own} {one}",
    }
    assert paths_by_unit("shop", [shown, {"Id": "shop-worker@1.service", "DropInPaths": ""}]) == {
        UNIT: [own, one],
        "shop-worker@.service": [],
    }


def test_warns_with_names_and_never_with_values(tmp_path: Path) -> None:
    path, plain = tmp_path / "one.conf", tmp_path / "plain.conf"
    path.write_text("[Service]\nEnvironment=DEBUG=s3cret\nEnvironmentFile=/etc/more.env\n")
    plain.write_text("[Service]\nNice=5\n")
    missing = str(tmp_path / "missing.conf")
    paths = {UNIT: [str(path), str(plain), missing]}
    changed, unread = drop_in_warnings(
        paths, lambda one: Path(one).read_text(), "/etc/shop/shop.env"
    )
    assert changed == (
        f"{path} changes what {UNIT} reads: Environment= (DEBUG), EnvironmentFile=. Checks, "
        "migrations and commands do not have it. Use /etc/shop/shop.env"
    )
    assert unread == f"{missing}, a drop-in of {UNIT}, cannot be read: No such file or directory"
