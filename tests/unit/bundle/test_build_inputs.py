"""Which files of a repository build commands may read."""

from __future__ import annotations

import pytest

from django_deploykit.bundle.build_inputs import choose_inputs, literal_folder
from django_deploykit.errors import Problems

PATHS = [
    "package.json",
    "assets/app.js",
    "assets/css/a.css",
    "assets/css/deep/b.css",
    "assets.txt",
    "shop/views.py",
    "tools/make.py",
]


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("package.json", ["package.json"]),
        ("./package.json", ["package.json"]),
        ("assets", ["assets/app.js", "assets/css/a.css", "assets/css/deep/b.css"]),
        ("assets/", ["assets/app.js", "assets/css/a.css", "assets/css/deep/b.css"]),
        ("assets/**", ["assets/app.js", "assets/css/a.css", "assets/css/deep/b.css"]),
        ("assets/*.js", ["assets/app.js"]),
        ("assets/**/*.css", ["assets/css/a.css", "assets/css/deep/b.css"]),
        ("**/*.css", ["assets/css/a.css", "assets/css/deep/b.css"]),
        ("assets/css/?.css", ["assets/css/a.css"]),
        (".", sorted(PATHS)),
    ],
)
def test_a_pattern_is_a_file_a_folder_or_has_wildcards(pattern: str, chosen: list[str]) -> None:
    assert choose_inputs([pattern], [], ".", PATHS) == chosen


def test_patterns_are_relative_to_the_projects_folder() -> None:
    paths = ["web/package.json", "frontend/a.js", "package.json"]
    assert choose_inputs(["package.json"], [], "web", paths) == ["web/package.json"]
    assert choose_inputs(["../frontend/*"], [], "web", paths) == ["frontend/a.js"]


def test_files_that_a_command_names_are_inputs() -> None:
    commands = ["python tools/make.py >assets/app.js;sh -c 'cat shop/views.py'"]
    named = ["assets/app.js", "shop/views.py", "tools/make.py"]
    assert choose_inputs([], commands, ".", PATHS) == named


def test_reports_every_pattern_that_matches_nothing() -> None:
    with pytest.raises(Problems, match="match no file of the commit") as caught:
        choose_inputs(["asets/**", "assets", "../x", "*.ts"], [], ".", PATHS)
    assert caught.value.problems == ("asets/**", "../x", "*.ts")


def test_a_pattern_has_a_folder_that_it_looks_in() -> None:
    assert literal_folder("../frontend/src/*.js") == "../frontend/src"
    assert literal_folder("**/*.js") == ""
