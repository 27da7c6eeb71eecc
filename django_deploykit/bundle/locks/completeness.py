"""Whether the settings use this package and the lock file lacks it, before an installation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name

_PACKAGE, DISTRIBUTION = "django_deploykit", "django-deploykit"
_ARCHIVES = (".whl", ".tar.gz", ".zip")
# Statements whose parts may not run in production.
_CONDITIONAL = (ast.If, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def deploykit_problem(lock: LockFile, root: Path, settings: str) -> str:
    """Return what is wrong if the settings use this package and the lock file lacks it.

    ``root`` is the project's folder. The text is also empty if the lock file has requirements whose
    names are known only after their installation.
    """
    if any(is_unnamed(one) for one in lock.requirements):
        return ""
    if DISTRIBUTION in {normal_name(one.distribution) for one in lock.requirements}:
        return ""
    place = next(_iter_uses(root, settings, set()), "")
    return place and f"{place} uses {_PACKAGE}, but {lock.path} does not have {DISTRIBUTION}"


def is_unnamed(one: Requirement) -> bool:
    if " @ " in one.text:
        return False
    path = one.target.partition("#")[0]
    return "://" in path or (one.local and not path.endswith(_ARCHIVES))


def _iter_uses(root: Path, module: str, seen: set[str]) -> Iterator[str]:
    """Yield places in a settings module and the modules it imports, as ``shop/settings.py:3``."""
    seen.add(module)
    base = root.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    package = module if base.is_dir() else module.rpartition(".")[0]
    for node in _certain(tree):
        for name in _names(node, package):
            if name.partition(".")[0] == _PACKAGE:
                yield f"{path.relative_to(root)}:{getattr(node, 'lineno', 1)}"
            elif name not in seen and isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from _iter_uses(root, name, seen)


def _certain(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of the statements that always run."""
    for statement in tree.body:
        if not isinstance(statement, _CONDITIONAL):
            yield from ast.walk(statement)


def _names(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the modules that a node imports, or the app that it names."""
    if isinstance(node, ast.Constant) and node.value == _PACKAGE:
        yield _PACKAGE
    elif isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".") if node.level else []
        parts = parts[: len(parts) - node.level + 1] if node.level > 1 else parts
        base = ".".join([*parts, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{one.name}" for one in node.names if one.name != "*")
