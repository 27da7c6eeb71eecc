"""Advice for moving to our settings helpers from other ways to read configuration (pure)."""

from __future__ import annotations

import ast
import re
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
_TEXTS = ("config.str", "config.secret")
# Types that a django-environ scheme or a cast may name, and their readers.
_TYPES = {
    "str": "str",
    "bool": "bool",
    "int": "int",
    "float": "float",
    "list": "list",
    "tuple": "list",
}
_NAMES = {"database": "DATABASE_URL", "cache": "CACHE_URL", "email": "EMAIL_URL"}


@dataclass(frozen=True)
class Replacement:
    """A line to change: its number, and its code before and after, which is empty to remove it.

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
    readers = _Readers(_imported(tree), _schemes(tree))
    found = list(_imports(tree, app))
    for node in tree.body:
        replacement = _removed(node, readers) or _replaced(node, readers)
        if replacement is not None:
            found.append(replacement)
    return sorted(found, key=lambda one: one.line)


def reader_for(name: str, text: str, app: str) -> str:
    """Return the call that reads a variable in a settings module, ``config.secret("KEY")``."""
    try:
        found = [one.after for one in replacements(text, app)]
    except SyntaxError:
        found = []
    call = re.compile(rf"config\.\w+\('{re.escape(name)}'")
    match = next(filter(None, map(call.search, found)), None)
    head = match[0] if match else f"config.{'secret' if looks_secret(name) else 'str'}('{name}'"
    return head.replace("'", '"') + ")"


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


@dataclass(frozen=True)
class _Default:
    """What a scheme says about a variable: its reader, "" if it has none here, and its default."""

    kind: str
    keywords: tuple[ast.keyword, ...] = ()


@dataclass(frozen=True)
class _Readers:
    """The names that read configuration with their library, and their schemes by variable."""

    libraries: dict[str, str]
    schemes: dict[str, dict[str, _Default]]


def _schemes(tree: ast.Module) -> dict[str, dict[str, _Default]]:
    """Return what ``env = environ.Env(DEBUG=(bool, False))`` says about each variable."""
    found: dict[str, dict[str, _Default]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if not ast.unparse(node.value.func).endswith("Env"):
                continue
            scheme = {one.arg: _default(one.value) for one in node.value.keywords if one.arg}
            names = (one.id for one in node.targets if isinstance(one, ast.Name))
            found.update(dict.fromkeys(names, scheme))
    return found


def _default(node: ast.expr) -> _Default:
    """Return an entry of a scheme: a type, or a type and a default."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        return _Default(_kind(node.elts[0]), (ast.keyword("default", node.elts[1]),))
    return _Default(_kind(node))


def _kind(node: ast.expr) -> str:
    """Return the reader for a type, ``[str]`` and ``(str,)`` too, or an empty string."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return "list"
    return _TYPES.get(ast.unparse(node), "")


def _removed(node: ast.stmt, readers: _Readers) -> Replacement | None:
    """Return the removal of a line that creates a reader of django-environ or environs, or reads a
    file with it.
    """
    if not isinstance(node, (ast.Assign, ast.Expr)) or not isinstance(node.value, ast.Call):
        return None
    before = ast.unparse(node.value.func)
    owner, _, method = before.partition(".")
    made = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in readers.libraries
    source = readers.libraries.get(
        ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else owner
    )
    source = source or _LIBRARIES.get(owner)
    reads = isinstance(node, ast.Expr) and method.rpartition(".")[2] == "read_env"
    if source in (None, "python-decouple") or not (made or reads):
        return None
    return Replacement(node.lineno, source, ast.unparse(node), "")


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


def _replaced(node: ast.stmt, readers: _Readers) -> Replacement | None:
    """Return a statement's replacement, or None if it needs none.

    None is needed if it reads no configuration or already uses our helpers.
    """
    rewrite = _Rewrite(readers)
    before = ast.unparse(node)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return None
    after = ast.unparse(rewrite.visit(ast.parse(before)))
    return Replacement(node.lineno, rewrite.source, before, after) if rewrite.source else None


class _Rewrite(ast.NodeTransformer):
    def __init__(self, readers: _Readers) -> None:
        self.readers = readers
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
        if name is None and (typed := _typed(node)):
            return typed
        if name is not None:
            self.source = "os.environ"
            default = node.args[1] if len(node.args) > 1 else ast.Constant(value=None)
            kind = "secret" if looks_secret(name) else "str"
            return _call(kind, name, [ast.keyword("default", default)])
        owner, _, reader = ast.unparse(node.func).partition(".")
        if self.readers.libraries.get(owner) in (None, "python-decouple"):
            return node
        return self._library(node, owner, reader)

    def _library(self, node: ast.Call, owner: str, reader: str) -> ast.AST:
        cast = next((one.value for one in node.keywords if one.arg == "cast"), None)
        if reader and reader not in {*_READERS, *_SAME, "get_value"}:
            return node
        kind = _READERS.get(reader, reader if reader in _SAME else "")
        first = node.args[0] if node.args else None
        name = first.value if isinstance(first, ast.Constant) else _NAMES.get(kind)
        if not isinstance(name, str):
            return node
        scheme = self.readers.schemes.get(owner, {}).get(name, _Default("str"))
        kind = kind or (_kind(cast) if cast else scheme.kind)
        if not kind:
            return node  # a type without a reader
        if kind == "str" and looks_secret(name):
            kind = "secret"
        if kind == "list" and name == "ALLOWED_HOSTS":
            kind = "hosts"
        self.source = self.readers.libraries[owner]
        keywords = [one for one in node.keywords if one.arg == "default"]
        if not keywords and len(node.args) > 1 and reader:
            keywords = [ast.keyword("default", node.args[1])]
        return _call(kind, name, keywords or list(scheme.keywords))


def _typed(node: ast.Call) -> ast.Call | None:
    """Return ``config.int("N")`` for ``int(config.str("N"))``, and a list for ``.split(",")``.

    While building, a text is empty, which is no number. Return None for other calls.
    """
    function = ast.unparse(node.func)
    if function in ("int", "float") and len(node.args) == 1:
        kind, inner = function, node.args[0]
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "split":
        kind, inner = "list", node.func.value
        if [ast.unparse(one) for one in node.args] != ["','"]:
            return None
    else:
        return None
    if not isinstance(inner, ast.Call) or ast.unparse(inner.func) not in _TEXTS:
        return None
    name = ast.literal_eval(inner.args[0])
    kind = "hosts" if kind == "list" and name == "ALLOWED_HOSTS" else kind
    return _call(
        kind, name, [_number(one) if kind in ("int", "float") else one for one in inner.keywords]
    )


def _number(keyword: ast.keyword) -> ast.keyword:
    """Return a default such as ``"80"`` as a number, if it is one."""
    value = getattr(keyword.value, "value", None)
    try:
        number = ast.literal_eval(value) if isinstance(value, str) else None
    except (ValueError, SyntaxError):
        number = None
    return (
        ast.keyword("default", ast.Constant(number))
        if isinstance(number, (int, float))
        else keyword
    )


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
