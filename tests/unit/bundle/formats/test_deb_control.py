"""The control file: what the package depends on, how versions sort, which options are valid."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.formats.deb_control import (
    KEYS,
    changelog,
    control,
    overrides,
    package_name,
    version_of,
)
from django_deploykit.errors import DeployKitError
from django_deploykit.runtime.bundle.manifest import Layer
from tests.bundles import make_manifest

_COMPILED = make_manifest((), platform="linux-x86_64", glibc="2.28", python="3.11")


def fields(text: str) -> dict[str, str]:
    """Return the fields of a control file."""
    return dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))


def test_depends_on_one_python_and_on_the_libraries() -> None:
    libraries = {"libpq.so.5": "a.so", "libm.so.6": "a.so", "libstdc++.so.6": "b.so"}
    found = fields(control(_COMPILED, {}, libraries, 2049))
    assert found["Pre-Depends"] == "python3 (>= 3.11~), python3 (<< 3.12~)"
    assert found["Depends"] == "libc6 (>= 2.28), libpq5, libstdc++6, passwd, sudo, systemd"
    assert found["Installed-Size"] == "3"


def test_a_package_without_compiled_code_is_for_all() -> None:
    found = fields(control(make_manifest((), python="3.13"), {}, {}, 1))
    assert found["Architecture"] == "all"
    assert found["Pre-Depends"] == "python3 (>= 3.13~), python3 (<< 3.14~)"
    assert found["Depends"] == "passwd, sudo, systemd"


def test_options_of_deploykit_ini() -> None:
    options = {
        "maintainer": "Operations <ops@example.com>",
        "description": "The shop",
        "depends": ("libpq5 (>= 15)", "nginx | caddy"),
        "libraries": {"libodd.so": "odd1"},
    }
    text = control(_COMPILED, options, {"libpq.so.5": "a.so", "libodd.so": "b.so"}, 1)
    found = fields(text)
    assert found["Maintainer"] == "Operations <ops@example.com>"
    assert found["Description"] == "The shop"
    assert found["Depends"].endswith("odd1, passwd, sudo, systemd, libpq5 (>= 15), nginx | caddy")
    assert "libpq5, " not in found["Depends"]


def test_an_unknown_library_must_be_named_whatever_it_depends_on() -> None:
    with pytest.raises(DeployKitError, match=r"libodd.so, by lib/a.so") as caught:
        control(_COMPILED, {"depends": ("gettext",)}, {"libodd.so": "lib/a.so"}, 1)
    assert "libraries = libodd.so: PACKAGE" in caught.value.hint


def test_versions_have_no_epoch_and_no_revision() -> None:
    assert version_of(_COMPILED) == "20261123T041500+ab12cd3+py3.11"
    assert "shop (20261123T041500+ab12cd3+py3.11) unstable" in changelog(_COMPILED, {})
    assert changelog(_COMPILED, {}).endswith(
        "<shop@packages.invalid>  Mon, 23 Nov 2026 04:15:00 +0000\n"
    )


@pytest.mark.parametrize(
    ("project", "package"), [("shop", "shop"), ("a", "a-site"), ("a-", "a-site")]
)
def test_names_of_packages_have_two_characters(project: str, package: str) -> None:
    assert package_name(make_manifest((), project=project)) == package


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("maintainer", "Ann"),
        ("maintainer", "Ann <ann>"),
        ("maintainer", "Ann <ann@example.com>\nDepends: x"),
        ("description", "two\nlines"),
        ("description", "x" * 81),
        ("description", "the\x1b[31m shop"),
        ("description", "The shop\r"),
        ("depends", "../libpq5"),
        ("libraries", "libodd.so.1: ../odd"),
        ("depends", "libpq5 >= 15"),
        ("depends", "Libpq5"),
        ("depends", "libpq5 (>= 15) x"),
        ("listen", "nowhere"),
    ],
)
def test_options_that_are_not_valid(key: str, text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        KEYS[key][0](text)


def test_dependencies_may_have_lines() -> None:
    assert KEYS["depends"][0]("libpq5 (>= 15),\n gettext\n") == ("libpq5 (>= 15)", "gettext")


def test_with_its_own_python_it_depends_on_no_other() -> None:
    layer = Layer("interpreter", "python", "3.11.7", "a" * 64, 10, 1)
    own = make_manifest((layer,), platform="linux-x86_64", glibc="2.28", python="3.11")
    assert fields(control(own, {}, {}, 1))["Depends"] == "libc6 (>= 2.28), passwd, sudo, systemd"
    assert "python3" in overrides(_COMPILED)
    assert "python3" not in overrides(own)
