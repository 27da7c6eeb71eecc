"""The files next to the settings that a project needs: deploykit.ini, dev.ini, .gitignore (pure)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from django_deploykit.init.chain import Chain, Files, module_path
from django_deploykit.init.source import Source, text_of

DEV_INI = "dev.ini"
_DEVELOPMENT = ("dev", "development", "local", "base")
_PRODUCTION = ("production", "prod")
_IGNORED = (".venv/", "__pycache__/")
_ROUTES = ("path", "re_path", "url")
_PLAIN = re.compile(r"[\w/-]+/")  # a route without parameters


def production_module(settings: str, files: Files) -> str:
    """Return the settings module for production: a sibling of one that is for development.

    >>> production_module("shop.settings.dev", {"shop/settings/production.py": ""}.get)
    'shop.settings.production'
    """
    package, _, last = settings.rpartition(".")
    if last in _DEVELOPMENT:
        for name in _PRODUCTION:
            if module_path(f"{package}.{name}", files):
                return f"{package}.{name}"
    return settings


def manage_py(text: str) -> str:
    """Return manage.py with our ``execute_from_command_line`` in place of Django's (decision 0061).

    Return it as it is if it does not import this function, and only this one, in one place.

    >>> manage_py("from django.core.management import execute_from_command_line\\n")
    'from django_deploykit.management import execute_from_command_line\\n'
    """
    source = Source("manage.py", text)
    try:
        found = [node for node in ast.walk(source.tree) if _imports_management(node)]
    except SyntaxError:
        return text
    if len(found) != 1 or not isinstance(found[0], ast.ImportFrom):
        return text
    node = found[0]
    if [name.name for name in node.names] != ["execute_from_command_line"]:
        return text
    code = source.code(node).replace("django.core.management", "django_deploykit.management", 1)
    return source.edited([source.replaced(node, code)]).text


def _imports_management(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "django.core.management"


def deploykit_ini(name: str, settings: str, health: str) -> str:
    """Return a new deploykit.ini. Empty values are left out."""
    project = [
        f"{key} = {value}" for key, value in (("name", name), ("settings", settings)) if value
    ]
    local = ["[environment:local]", "listen = 127.0.0.1:8000"]
    if health:
        local += [
            "; The site has no page at /. A release asks for this one before it goes live.",
            f"health = {health}",
        ]
    hosts = [
        "; [environment:production]",
        "; hosts = deploy@web1.example.com",
        *([f"; health = {health}"] if health else []),
    ]
    blocks = [*([["[project]", *project]] if project else []), local, hosts]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def dev_ini(key: str, *, mail: bool) -> str:
    """Return a configuration for development. ``mail``: the settings read where mail goes."""
    lines = [
        "; Configuration for development. Git ignores this file.",
        "[django]",
        "debug = yes",
        f"secret_key = {key}",
    ]
    if mail:
        lines += ["", "[mail]", "url = console://"]
    return "\n".join(lines) + "\n"


def gitignore(text: str | None, paths: tuple[str, ...]) -> str:
    """Return .gitignore with these paths at its end.

    A new file also has what every project ignores.
    """
    if text is None:
        more = [path for path in paths if path.lstrip("/") not in _IGNORED]
        return "\n".join([*_IGNORED, *more]) + "\n"
    eol = "\r\n" if "\r\n" in text else "\n"
    start = text if not text or text.endswith("\n") else text + eol
    return start + "".join(path + eol for path in paths)


def health_page(chain: Chain, files: Files) -> str | None:
    """Return a page to ask for before a release goes live, if the site seems to have none at ``/``.

    An empty string means that ``/`` will do. None means that there is no page that we know of.
    """
    found = chain.assignment("ROOT_URLCONF")
    name = text_of(found.value) if found is not None else None
    path = module_path(name, files) if name else ""
    if not path:
        return ""
    try:
        routes = list(_routes(Source(path, files(path) or "")))
    except SyntaxError:
        return ""
    if any(route == "" for route, _ in routes):
        return ""
    admin = [route for route, target in routes if target == "admin.site.urls"]
    return f"/{admin[0]}login/" if admin and _PLAIN.fullmatch(admin[0]) else None


def _routes(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the route and the view of each pattern, wherever it is in the file.

    The regular expression of a route loses its ``^`` and ``$``: ``^admin/`` is ``admin/``.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _ROUTES and len(node.args) > 1:
            route = text_of(node.args[0])
            if route is not None and ast.unparse(node.func) != "path":
                route = route.removeprefix("^").removesuffix("$")
            if route is not None:
                yield route, ast.unparse(node.args[1])
