"""How settings that read configuration otherwise become ours."""

from __future__ import annotations

import pytest

from django_deploykit.conf.replacements import options_of, replacements


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("X = os.environ['X']", "X = config.str('X')"),
        ("K = os.environ['SECRET_KEY']", "K = config.secret('SECRET_KEY')"),
        ("X = os.environ.get('X', 'a')", "X = config.str('X', default='a')"),
        ("X = os.getenv('X')", "X = config.str('X', default=None)"),
        ("D = os.environ.get('DEBUG') == 'True'", "D = config.bool('DEBUG', default=False)"),
        ("D = os.getenv('DEBUG', '').lower() == 'true'", "D = config.bool('DEBUG', default=False)"),
        ("D = os.getenv('DEBUG', '') in ('1', 'yes')", "D = config.bool('DEBUG', default=False)"),
        ("P = int(os.environ.get('PORT', '80'))", "P = int(config.str('PORT', default='80'))"),
        ("D = env.bool('DEBUG', default=False)", "D = config.bool('DEBUG', default=False)"),
        ("D = env.bool('DEBUG', False)", "D = config.bool('DEBUG', default=False)"),
        ("K = env('SECRET_KEY')", "K = config.secret('SECRET_KEY')"),
        ("H = env.list('ALLOWED_HOSTS')", "H = config.hosts('ALLOWED_HOSTS')"),
        ("D = {'default': env.db()}", "D = {'default': config.database('DATABASE_URL')}"),
        ("C = {'default': env.cache('C_URL')}", "C = {'default': config.cache('C_URL')}"),
    ],
)
def test_shows_the_line_and_its_replacement(before: str, after: str) -> None:
    head = "import os\nimport environ\nenv = environ.Env()\n"
    found = [step for step in replacements(head + before, "shop") if step.line == 4]
    assert [(step.before, step.after) for step in found] == [(before, after)]


def test_decouple_needs_another_import_only() -> None:
    text = "from decouple import Csv, config\nH = config('H', cast=Csv())\n"
    assert [(step.line, step.after) for step in replacements(text, "shop")] == [
        (
            1,
            'from django_deploykit.conf import Config; config = Config("shop"); from decouple import Csv',
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "from django_deploykit.conf import Config\nconfig = Config('x')\nD = config.bool('D')\n",
        "import os\nos.environ.setdefault('A', 'b')\nX = os.path.join('a')\n",
        "X = {'a': 1}['a']\n",
    ],
)
def test_ignores_lines_that_read_no_configuration(text: str) -> None:
    assert replacements(text, "shop") == []


def test_lists_options_for_values_without_the_values() -> None:
    text = "export SECRET_KEY=hush\nDATABASE_URL='postgres://u:hush@h/x'\n# A=b\nlower = 1\n"
    assert options_of(text, "shop") == [
        "SECRET_KEY: [django] secret_key",
        "DATABASE_URL: [database] url",
    ]
