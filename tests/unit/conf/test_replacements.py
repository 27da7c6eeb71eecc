"""How settings that read configuration otherwise become ours."""

from __future__ import annotations

import pytest

from django_deploykit.conf.replacements import options_of, reader_for, replacements


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
        ("P = int(os.environ.get('PORT', '80'))", "P = config.int('PORT', default=80)"),
        ("P = int(os.environ['PORT'])", "P = config.int('PORT')"),
        ("P = float(os.getenv('RATE', 'x'))", "P = config.float('RATE', default='x')"),
        ("H = os.environ['HOSTS'].split(',')", "H = config.list('HOSTS')"),
        ("H = os.getenv('H', 'a b').split()", "H = config.str('H', default='a b').split()"),
        ("D = env('DEBUG')", "D = config.bool('DEBUG', default=False)"),
        ("D = env('DEBUG', default=True)", "D = config.bool('DEBUG', default=True)"),
        ("D = env.bool('DEBUG')", "D = config.bool('DEBUG', default=False)"),
        ("W = env('WORKERS')", "W = config.int('WORKERS')"),
        ("R = env('RATE')", "R = config.float('RATE', default=0.5)"),
        ("H = env('LANGS')", "H = config.list('LANGS', default=[])"),
        ("N = env('N', cast=int, default=3)", "N = config.int('N', default=3)"),
        ("N = env.get_value('N', cast=bool)", "N = config.bool('N')"),
        ("N = env.get_value('N', default='x')", "N = config.str('N', default='x')"),
        ("env.read_env(BASE_DIR / '.env')", ""),
        ("environ.Env.read_env()", ""),
        ("D = env.bool('DEBUG', default=False)", "D = config.bool('DEBUG', default=False)"),
        ("D = env.bool('DEBUG', False)", "D = config.bool('DEBUG', default=False)"),
        ("K = env('SECRET_KEY')", "K = config.secret('SECRET_KEY')"),
        ("H = env.list('ALLOWED_HOSTS')", "H = config.hosts('ALLOWED_HOSTS')"),
        ("D = {'default': env.db()}", "D = {'default': config.database('DATABASE_URL')}"),
        ("C = {'default': env.cache('C_URL')}", "C = {'default': config.cache('C_URL')}"),
    ],
)
def test_shows_the_line_and_its_replacement(before: str, after: str) -> None:
    scheme = "DEBUG=(bool, False), WORKERS=int, RATE=(float, 0.5), LANGS=(list, []), M=(dict, {})"
    head = f"import os\nimport environ\nenv = environ.Env({scheme})\n"
    found = [step for step in replacements(head + before, "shop") if step.line == 4]
    assert [(step.before, step.after) for step in found] == [(before, after)]


def test_a_type_without_a_reader_is_left_as_it_is() -> None:
    text = "import environ\nenv = environ.Env(M=(dict, {}))\nM = env('M')\nN = env('N', cast=f)\n"
    assert [(step.line, step.after != "") for step in replacements(text, "shop")] == [
        (1, True),
        (2, False),  # the reader itself goes
    ]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("import os\nA = int(os.environ['A'])\n", 'config.int("A")'),
        ("import os\n", 'config.str("A")'),
        ("this is no Python", 'config.str("A")'),
    ],
)
def test_the_call_that_reads_a_variable(text: str, call: str) -> None:
    assert reader_for("A", text, "shop") == call
    assert reader_for("API_KEY", text, "shop") == 'config.secret("API_KEY")'


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
