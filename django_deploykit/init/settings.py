"""What has to change in a project's settings: rules that read a chain and return edits (pure)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from django_deploykit.conf import production
from django_deploykit.conf.replacements import replacements
from django_deploykit.init.chain import Assignment, Chain
from django_deploykit.init.source import Edit, Source, text_of, texts_of

_LOCAL_HOSTS = ("localhost", "127.0.0.1")
_SECURITY = "django.middleware.security.SecurityMiddleware"
_WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
_SQLITE = "django.db.backends.sqlite3"
_CONSOLE = "django.core.mail.backends.console.EmailBackend"
_CONFIG = "from django_deploykit.conf import Config"


@dataclass(frozen=True)
class Change:
    """An edit of the file with this path."""

    path: str
    edit: Edit


@dataclass(frozen=True)
class Note:
    """Something that stays as it is, and what to do about it."""

    text: str


Result = Iterator["Change | Note"]


@dataclass(frozen=True)
class Facts:
    """What the rules need to know: the settings, and the expression that reads configuration.

    ``config`` is ``config``, or another name if the settings use that one for something else.
    """

    chain: Chain
    app: str
    config: str


def facts_of(chain: Chain, app: str) -> Facts:
    """Return the facts about a chain. An existing ``Config`` is used under its own name."""
    for source in chain.sources:
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Config("):
                return Facts(chain, app, ast.unparse(node.targets[0]))
    return Facts(chain, app, "deploykit_config" if chain.has("config") else "config")


def changes(facts: Facts) -> list[Change | Note]:
    """Return the changes and notes of all rules, in the order of the rules."""
    found = [one for rule in _RULES for one in rule(facts)]
    uses = any(isinstance(one, Change) and facts.config in one.edit.text for one in found)
    return [*(_imported(facts) if uses else ()), *found]


def _imported(facts: Facts) -> Result:
    """Import ``Config`` in the first file of the chain, unless one is there."""
    chain = facts.chain
    if chain.has("Config"):
        return
    first = chain.sources[0]
    lines = (_CONFIG, "", f'{facts.config} = Config("{facts.app}")')
    # Imports below the first other statement may need what comes before them.
    head = list(takewhile(lambda node: _docstring(node) or _import(node), first.tree.body))
    if head:
        yield Change(first.path, first.lines_after(head[-1], "", *lines))
    else:
        yield Change(first.path, first.lines_at_start(*lines, ""))


def _import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and text_of(node.value) is not None


def _secret_key(facts: Facts) -> Result:
    chain, name = facts.chain, "SECRET_KEY"
    code = f'{facts.config}.secret("{name}")'
    found = chain.assignment(name)
    if found is None and not chain.has(name):
        yield Change(chain.last.path, chain.last.lines_at_end("", f"{name} = {code}"))
    elif found is not None and text_of(found.value) is not None:
        yield _value(found, code)
    elif found is None or not _reads(found.value):
        yield _left(chain, name, f"production needs a key that is not committed: {code}")


def _reads(node: ast.expr) -> bool:
    """Whether an expression gets its value from elsewhere, as ``os.environ.get("KEY") or None`` does."""
    kinds = (ast.Call, ast.Subscript, ast.Attribute, ast.Name)
    return any(isinstance(one, kinds) for one in ast.walk(node))


def _debug(facts: Facts) -> Result:
    found = facts.chain.assignment("DEBUG")
    if found is not None and isinstance(found.value, ast.Constant) and found.value.value is True:
        yield _value(found, f'{facts.config}.bool("DEBUG", default=False)')


def _allowed_hosts(facts: Facts) -> Result:
    chain, name = facts.chain, "ALLOWED_HOSTS"
    found = chain.assignment(name)
    hosts = texts_of(found.value) if found is not None else None
    if hosts is not None or not chain.has(name):
        kept = [host for host in hosts or () if host != "*"] or list(_LOCAL_HOSTS)
        items = ", ".join(f'"{host}"' for host in kept)
        code = f'{facts.config}.hosts("{name}", default=[{items}])'
        if found is not None:
            yield _value(found, code)
        else:
            yield Change(chain.last.path, chain.last.lines_at_end("", f"{name} = {code}"))


def _installed_apps(facts: Facts) -> Result:
    name = "INSTALLED_APPS"
    lists = _lists(facts.chain, name)
    if any(text_of(item) == "django_deploykit" for _, one in lists for item in one.elts):
        return
    if not lists:
        yield _left(facts.chain, name, 'add "django_deploykit"')
        return
    source, last = lists[-1]
    yield from _added(source, last, "django_deploykit", behind="")


def _middleware(facts: Facts) -> Result:
    name = "MIDDLEWARE"
    lists = _lists(facts.chain, name)
    if any(text_of(item) == _WHITENOISE for _, one in lists for item in one.elts):
        return
    if any("storages.backends." in source.text for source in facts.chain.sources):
        return  # a bucket serves the static files
    first = lists[0] if lists else None
    if first is None:
        yield _left(facts.chain, name, f'add "{_WHITENOISE}" behind SecurityMiddleware')
        return
    yield from _added(*first, _WHITENOISE, behind=_SECURITY)


def _databases(facts: Facts) -> Result:
    """A SQLite file moves to where data outlives a release. Other databases need the user."""
    found = facts.chain.assignment("DATABASES")
    default = _item(found.value, "default") if found is not None else None
    if found is None or default is None:
        return
    engine = text_of(_item(default, "ENGINE"))
    name = _file_in_project(_item(default, "NAME"))
    if engine == _SQLITE and name and _keys(default) == {"ENGINE", "NAME"}:
        code = f"{facts.config}.database(default=f\"sqlite:///{{{facts.config}.data / '{name}'}}\")"
        yield Change(found.source.path, found.source.replaced(default, code))
    elif engine is not None:
        yield Note(
            f"{found.where}: DATABASES stays as it is; to keep its password out of the code: "
            f'"default": {facts.config}.database()'
        )


def _static_root(facts: Facts) -> Result:
    chain = facts.chain
    if chain.has("STATIC_ROOT"):
        return
    base = chain.assignment("BASE_DIR")
    folder = _below("staticfiles", base)
    url = chain.assignment("STATIC_URL")
    if not folder:
        yield Note("STATIC_ROOT is not set, and there is no BASE_DIR to put it in: set it yourself")
    elif url is not None:
        yield Change(url.source.path, url.source.lines_after(url.node, f"STATIC_ROOT = {folder}"))
    else:
        yield Change(chain.last.path, chain.last.lines_at_end(f"STATIC_ROOT = {folder}"))


def _media_root(facts: Facts) -> Result:
    """Uploads in the code's folder would be lost with the next release."""
    found = facts.chain.assignment("MEDIA_ROOT")
    name = _file_in_project(found.value) if found is not None else ""
    if found is not None and name:
        yield _value(found, f'{facts.config}.data / "{name}"')


def _mailers(facts: Facts) -> Result:
    """Django 6.1 prints mail by default. ``config.email()`` says where it goes, for every Django."""
    found = facts.chain.assignment("MAILERS")
    default = _item(found.value, "default") if found is not None else None
    if found is None or text_of(_item(default, "BACKEND")) != _CONSOLE:
        return
    code = f'globals().update({facts.config}.email(default="smtp://localhost"))'
    yield Change(found.source.path, found.source.replaced(found.node, code))


def _other_readers(facts: Facts) -> Result:
    """Other ways to read configuration stay, because they work. ``conf move`` shows ours."""
    for source in facts.chain.sources:
        if found := replacements(source.text, facts.app):
            lines = f"{len(found)} line{'s' if len(found) > 1 else ''}"
            yield Note(
                f"{source.path}: {lines} read {', '.join(sorted({one.source for one in found}))}; to "
                f"read them from INI files too: python -m django_deploykit.conf move {source.path}"
            )


def _production(facts: Facts) -> Result:
    """Logging, HTTPS and cookies at the end, unless the settings decide one of them themselves."""
    chain = facts.chain
    if any("production()" in source.text for source in chain.sources):
        return
    names = production.settings(secure=True, hsts=1, subdomains=True)
    if own := [name for name in names if chain.has(name)]:
        places = ", ".join(f"{name} ({chain.places(name)[0]})" for name in own)
        yield Note(f"not added: {facts.config}.production(), because you set {places}")
        return
    line = f"globals().update({facts.config}.production())  # LOGGING, HTTPS, secure cookies, HSTS"
    yield Change(chain.last.path, chain.last.lines_at_end("", line))


# The last rule's line comes last in the settings.
_RULES: tuple[Callable[[Facts], Result], ...] = (
    _secret_key,
    _debug,
    _allowed_hosts,
    _installed_apps,
    _middleware,
    _databases,
    _static_root,
    _media_root,
    _mailers,
    _other_readers,
    _production,
)


def _value(found: Assignment, code: str) -> Change:
    return Change(found.source.path, found.source.replaced(found.value, code))


def _left(chain: Chain, name: str, advice: str) -> Note:
    places = ", ".join(chain.places(name)) or chain.last.path
    return Note(f"{places}: {name} stays as it is; {advice}")


def _lists(chain: Chain, name: str) -> list[tuple[Source, ast.List | ast.Tuple]]:
    """Return the list literals that make up a setting: one, or those of a sum of names."""
    found = chain.start(name)
    if found is None:
        return []
    lists = []
    for part in _summands(found.value):
        inner = chain.assignment(part.id) if isinstance(part, ast.Name) else None
        source, value = (inner.source, inner.value) if inner else (found.source, part)
        if isinstance(value, (ast.List, ast.Tuple)) and value.elts:
            lists.append((source, value))
    return lists


def _summands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_summands(node.left), *_summands(node.right)]
    return [node]


def _added(source: Source, items: ast.List | ast.Tuple, text: str, behind: str) -> Iterator[Change]:
    """Add a string behind an item, or behind the last one if there is no such item."""
    at = next((one for one in items.elts if behind and text_of(one) == behind), items.elts[-1])
    quote = "'" if source.code(at).startswith("'") else '"'
    for edit in source.item_after(at, f"{quote}{text}{quote}"):
        yield Change(source.path, edit)


def _item(node: ast.expr | None, key: str) -> ast.expr | None:
    if not isinstance(node, ast.Dict):
        return None
    pairs = zip(node.keys, node.values, strict=True)
    return next((value for name, value in pairs if text_of(name) == key), None)


def _keys(node: ast.expr) -> set[str | None]:
    return {text_of(key) for key in node.keys} if isinstance(node, ast.Dict) else set()


def _file_in_project(node: ast.expr | None) -> str:
    """Return the name in ``BASE_DIR / "name"`` or ``os.path.join(BASE_DIR, "name")``, or ""."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "str" and len(node.args) == 1:
        node = node.args[0]
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.path.join", "join"):
        parts = node.args
    if len(parts) != 2 or ast.unparse(parts[0]) != "BASE_DIR":
        return ""
    name = (text_of(parts[1]) or "").strip("/")
    return name if name.replace(".", "").replace("-", "").replace("_", "").isalnum() else ""


def _below(name: str, base: Assignment | None) -> str:
    """Return the expression for a folder below BASE_DIR, which is a path or a text."""
    if base is None:
        return ""
    return (
        f'os.path.join(BASE_DIR, "{name}")'
        if "os.path." in ast.unparse(base.value)
        else f'BASE_DIR / "{name}"'
    )
