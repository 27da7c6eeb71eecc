"""Advice for moving to our settings helpers from other ways to read configuration (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from django_deploykit.conf.declarations import place
from django_deploykit.conf.secret import looks_secret
from django_deploykit.runtime.base.option_names import key_of

# Libraries by the name of their module.
_LIBRARIES = {"decouple": "python-decouple", "environ": "django-environ", "environs": "environs"}
# Readers of django-environ and environs that have another name here.
_READERS = {
    "db": "database",
    "db_url": "database",
    "dj_db_url": "database",
    "cache_url": "cache",
    "dj_cache_url": "cache",
    "email_url": "email",
    "dj_email_url": "email",
    "tuple": "list",
    "timedelta": "duration",
    "enum": "choice",
}
_SAME = {"str", "bool", "int", "float", "list", "json", "url", "path", "cache", "email"}
_NAMES = {"database": "DATABASE_URL", "cache": "CACHE_URL", "email": "EMAIL_URL"}


@dataclass(frozen=True)
class Replacement:
    """A line to change: its number, and its code before and after.

    ``source`` is what the line reads configuration with.
    """

    line: int
    source: str
    before: str
    after: str


def replacements(text: str, app: str) -> list[Replacement]:
    """Return the lines to change in a settings module, in order.

    Raise :class:`SyntaxError` if it is not Python.
    """
    tree = ast.parse(text)
    sources = _imported(tree)
    found = list(_imports(tree, app))
    for node in tree.body:
        replacement = _replaced(node, sources)
        if replacement is not None:
            found.append(replacement)
    return sorted(found, key=lambda one: one.line)


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return the names that read configuration and their library, as ``env``: django-environ."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            library = ast.unparse(node.value.func).partition(".")[0]
            library = {"Env": "environs", "AutoConfig": "decouple"}.get(library, library)
            for target in node.targets:
                if isinstance(target, ast.Name) and library in _LIBRARIES:
                    found[target.id] = _LIBRARIES[library]
        elif isinstance(node, ast.ImportFrom) and node.module == "decouple":
            found["config"] = _LIBRARIES["decouple"]
    return found


def _imports(tree: ast.Module, app: str) -> Iterator[Replacement]:
    ours = f'from django_deploykit.conf import Config; config = Config("{app}")'
    for node in ast.walk(tree):
        before = ast.unparse(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ""
        if isinstance(node, ast.ImportFrom):
            module = (node.module or "").rpartition(".")[2]
            others = [one.name for one in node.names if one.name not in ("config", "AutoConfig")]
            if node.module == "decouple":
                kept = f"; from decouple import {', '.join(others)}" if others else ""
                yield Replacement(node.lineno, "python-decouple", before, ours + kept)
            elif node.module in ("environ", "environs"):
                yield Replacement(node.lineno, _LIBRARIES[node.module], before, ours)
            elif module == "local_settings":
                yield Replacement(node.lineno, "local_settings.py", before, ours)
        elif isinstance(node, ast.Import) and node.names[0].name in ("environ", "environs"):
            yield Replacement(node.lineno, _LIBRARIES[node.names[0].name], before, ours)


def _replaced(node: ast.stmt, sources: dict[str, str]) -> Replacement | None:
    """Return a statement's replacement, or None if it needs none.

    None is needed if it reads no configuration or already uses our helpers.
    """
    rewrite = _Rewrite(sources)
    before = ast.unparse(node)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return None
    after = ast.unparse(rewrite.visit(ast.parse(before)))
    return Replacement(node.lineno, rewrite.source, before, after) if rewrite.source else None


class _Rewrite(ast.NodeTransformer):
    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = sources
        self.source = ""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """``os.environ.get("DEBUG") == "True"`` is a boolean."""
        name = _variable(node.left)
        compared = [one for part in node.comparators for one in ast.walk(part)]
        texts = {str(one.value).lower() for one in compared if isinstance(one, ast.Constant)}
        true = texts & {"true", "1", "yes", "on"}
        if name is None or not true or not isinstance(node.ops[0], (ast.Eq, ast.In)):
            return self.generic_visit(node)
        self.source = "os.environ"
        return _call("bool", name, [ast.keyword("default", ast.Constant(value=False))])

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """``os.environ["NAME"]`` is required."""
        name = _variable(node)
        if name is None:
            return self.generic_visit(node)
        self.source = "os.environ"
        return _call("secret" if looks_secret(name) else "str", name, [])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """``os.environ.get``, ``os.getenv``, ``env("NAME")`` and ``env.bool("NAME")``."""
        self.generic_visit(node)
        name = _variable(node)
        if name is not None:
            self.source = "os.environ"
            default = node.args[1] if len(node.args) > 1 else ast.Constant(value=None)
            kind = "secret" if looks_secret(name) else "str"
            return _call(kind, name, [ast.keyword("default", default)])
        owner, _, reader = ast.unparse(node.func).partition(".")
        if self.sources.get(owner) in (None, "python-decouple"):
            return node
        return self._library(node, self.sources[owner], reader)

    def _library(self, node: ast.Call, source: str, reader: str) -> ast.AST:
        if reader and reader not in _READERS and reader not in _SAME:
            return node
        kind = _READERS.get(reader, reader or "str")
        first = node.args[0] if node.args else None
        name = first.value if isinstance(first, ast.Constant) else _NAMES.get(kind)
        if not isinstance(name, str):
            return node
        if kind == "str" and looks_secret(name):
            kind = "secret"
        if kind == "list" and name == "ALLOWED_HOSTS":
            kind = "hosts"
        self.source = source
        keywords = [one for one in node.keywords if one.arg == "default"]
        if not keywords and len(node.args) > 1:
            keywords = [ast.keyword("default", node.args[1])]
        return _call(kind, name, keywords)


def _variable(node: ast.AST) -> str | None:
    """Return the environment variable that an expression reads."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if isinstance(node.func.value, ast.Attribute) and node.func.attr == "lower":
            return None
        if ast.unparse(node.func) not in ("os.environ.get", "os.getenv", "environ.get"):
            return None
        first = node.args[0]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        inner = node.func.value  # os.environ.get("DEBUG", "").lower()
        return _variable(inner) if node.func.attr in ("lower", "strip") else None
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
        first = node.slice
    else:
        return None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _call(kind: str, name: str, keywords: list[ast.keyword]) -> ast.Call:
    function = ast.Attribute(ast.Name("config", ast.Load()), kind, ast.Load())
    return ast.Call(function, [ast.Constant(value=name)], keywords)


def options_of(text: str, app: str) -> list[str]:
    """Return an option for each value in a local_settings.py or .env, ``DEBUG: [django] debug``."""
    names = []
    for line in text.splitlines():
        name = line.partition("=")[0].strip().removeprefix("export ").strip()
        if "=" in line and name.isidentifier() and name.isupper():
            names.append(name)
    return [f"{name}: {key_of(*place(app, name))}" for name in dict.fromkeys(names)]
