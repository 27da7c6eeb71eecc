"""Which commands spare themselves the project's apps."""

from __future__ import annotations

import pytest

from django_deploykit.apps import leave_out, needs_no_apps


@pytest.mark.parametrize(
    ("argv", "spared"),
    [
        (["./manage.py", "bundle", "--json"], True),
        (["manage.py", "release", "production"], True),
        (["/usr/bin/django-admin", "bundle"], True),
        (["manage.py", "deploy_check"], False),  # judges the apps
        (["manage.py", "migrate", "bundle"], False),
        (["pytest", "release"], False),
        (["manage.py"], False),
        ([], False),
    ],
)
def test_only_what_looks_at_commits_and_hosts_needs_no_apps(argv: list[str], spared: bool) -> None:
    assert needs_no_apps(argv) is spared


def test_apps_in_front_and_apps_that_cannot_be_changed_stay() -> None:
    apps = ["django.contrib.auth", "django_deploykit.apps.DeployKitConfig", "shop", "blog"]
    leave_out(apps)
    assert apps == ["django.contrib.auth", "django_deploykit.apps.DeployKitConfig"]
    fixed = ("django_deploykit", "shop")
    leave_out(fixed)
    assert fixed == ("django_deploykit", "shop")
    others = ["shop"]
    leave_out(others)
    assert others == ["shop"]
