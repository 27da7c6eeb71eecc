"""A product's lock file and that of its plug-ins, read as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django_deploykit.bundle.locks.base import LockFile, Requirement, normal_name
from django_deploykit.bundle.locks.discovery import Place, read_each, validate_lock
from django_deploykit.bundle.locks.markers import applies, without_unneeded
from django_deploykit.bundle.locks.plugins import plugins_hint
from django_deploykit.errors import Problems
from django_deploykit.project import Project


def read_locks(
    places: Sequence[Place], project: Project, top: Path, python: str, platform: str
) -> LockFile:
    """Return a project's valid lock file, with its plug-ins if there is a second place.

    ``top`` is the repository. Raise :class:`Problems` for what is not locked or conflicts.
    """
    found = read_each(places, project, top)
    lock, *others = (without_unneeded(one, python, platform) for one in found)
    validate_lock(lock, allow_unhashed=project.allow_unhashed, hint=places[0].hint)
    for plugins in others:
        hint = plugins_hint(places[0].reader, lock, plugins.path)
        validate_lock(plugins, allow_unhashed=project.allow_unhashed, hint=hint)
        lock = with_plugins(lock, plugins, python, platform, hint)
    return lock


def with_plugins(
    lock: LockFile, plugins: LockFile, python: str, platform: str, hint: str = ""
) -> LockFile:
    """Return a product's lock file with the plug-ins of an installation.

    A requirement that both have stays once, with the hashes that both accept. Raise
    :class:`Problems` where they conflict on ``python`` and ``platform``.
    """
    product: dict[str, list[Requirement]] = {}
    for one in lock.requirements:
        if applies(one, python, platform):
            product.setdefault(normal_name(one.distribution), []).append(one)
    problems: list[str] = []
    dropped: set[Requirement] = set()
    added: list[Requirement] = []
    kept: list[Requirement] = []
    for one in plugins.requirements:
        theirs = product.get(normal_name(one.distribution), [])
        if not theirs or not applies(one, python, platform):
            added.append(one)
            continue
        reasons = {other: conflict(other, one) for other in theirs}
        same = [other for other in theirs if not reasons[other]]
        if same:
            dropped.update(same)
            kept += [_both(other, one) for other in same]
        else:
            problems.append(f"{one.where}: {reasons[theirs[0]]}")
    if problems:
        raise Problems(f"{plugins.path} conflicts with {lock.path}:", problems, hint)
    rows = [one for one in lock.requirements if one not in dropped]
    left_out = (f"{one} ({plugins.path})" for one in plugins.left_out)
    return LockFile(
        lock.path,
        (*rows, *kept, *added),
        tuple(dict.fromkeys((*lock.options, *plugins.options))),
        (*lock.left_out, *left_out),
        plugins.path,
        frozenset(normal_name(one.distribution) for one in added) - product.keys(),
    )


def conflict(product: Requirement, plugin: Requirement) -> str:
    """Return why two requirements of one distribution cannot both be met, or an empty string.

    >>> conflict(Requirement("a==1", (), "all.txt:1"), Requirement("a==2", (), "plugins.txt:3"))
    'a==2, but all.txt:1 has a==1'
    """
    mine, theirs = (one.text.partition(" ;")[0].strip() for one in (plugin, product))
    if plugin.hashes and product.hashes:
        if set(plugin.hashes) & set(product.hashes):
            return ""
        if _version(plugin) == _version(product) != "":
            return f"{mine}, but {product.where} has other hashes for this version"
        return f"{mine}, but {product.where} has {theirs}"
    same = _version(plugin) == _version(product) if _version(plugin) else mine == theirs
    return "" if same else f"{mine}, but {product.where} has {theirs}"


def _version(one: Requirement) -> str:
    """Return the version in a form in which equal versions are equal texts, if it is known."""
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(one.version))
    except InvalidVersion:
        return one.version


def _both(product: Requirement, plugin: Requirement) -> Requirement:
    """Return the requirement that stays. It applies wherever one of the two does."""
    common = tuple(one for one in product.hashes if one in plugin.hashes)
    hashes = common or product.hashes or plugin.hashes
    plain = product if ";" in product.text and ";" not in plugin.text else None
    text = plugin.text if plain else product.text
    return replace(product, text=text, hashes=hashes)
