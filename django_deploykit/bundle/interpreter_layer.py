"""A bundle's own interpreter: the target that it makes, and its layer."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from django_deploykit.bundle.build_cache import cache_key, cached_text, is_cached, keep_text
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython, find_target
from django_deploykit.bundle.packing import Tree, pack_all
from django_deploykit.bundle.relocatable import Interpreter, find_interpreter
from django_deploykit.errors import BundleError
from django_deploykit.project import Project
from django_deploykit.runtime.base.machine import here_platform
from django_deploykit.runtime.bundle.manifest import INTERPRETER, INTERPRETER_FOLDER, Layer
from django_deploykit.runtime.bundle.tar_stream import TREE, header

_KIND = "interpreter"  # of cached texts


def project_interpreter(
    project: Project, root: Path, python: str = "", platform: str = ""
) -> Interpreter | None:
    """Return the interpreter that deploykit.ini names, if any; a folder is relative to ``root``."""
    if not project.interpreter:
        return None
    wanted = platform or project.platform or here_platform()
    return find_interpreter(project.interpreter, root, python or project.python, wanted)


def project_target(
    project: Project, interpreter: Interpreter | None, python: str = "", platform: str = ""
) -> TargetPython:
    """Return the Python and platform that a bundle is for: those of its interpreter, if any."""
    if interpreter is None:
        return find_target(python or project.python, platform or project.platform)
    if interpreter.platform != here_platform():
        return replace(find_target(interpreter.python, interpreter.platform), full=interpreter.full)
    program = os.path.realpath(interpreter.program)
    return TargetPython(interpreter.python, program, interpreter.full, interpreter.platform)


def with_interpreter(
    environment: InstalledEnvironment, interpreter: Interpreter | None, target: TargetPython
) -> InstalledEnvironment:
    """Return an environment with an interpreter as one more layer, and what hosts need for it."""
    if interpreter is None:
        return environment
    needed = (environment.glibc, interpreter.glibc)
    return replace(
        environment,
        layers=(*environment.layers, interpreter_layer(interpreter, target)),
        platform=interpreter.platform,
        glibc=max(filter(None, needed), key=lambda one: [int(part) for part in one.split(".")]),
    )


def interpreter_layer(interpreter: Interpreter, target: TargetPython) -> Layer:
    """Return the layer of an interpreter, which is packed unless it was packed before."""
    rows = [(f"{INTERPRETER_FOLDER}/{name}", path) for name, path in interpreter.files]
    for name, path in rows:
        try:
            header(TREE + name, 0o644, path.stat().st_size)
        except ValueError as error:
            raise BundleError(f"the interpreter {interpreter.folder}: {error}") from None
    key = cache_key(interpreter.full, *(_identity(name, path) for name, path in rows))
    text = cached_text(_KIND, key)
    if text:
        known = Layer(**json.loads(text))
        if is_cached(known.sha256):
            return known
    files = tuple((name, os.path.realpath(path)) for name, path in rows)
    tree = Tree(INTERPRETER, INTERPRETER_FOLDER, interpreter.full, files)
    (layer,) = pack_all([tree], target.executable, processes=1)
    keep_text(_KIND, key, json.dumps(asdict(layer)))
    return layer


def _identity(name: str, path: Path) -> str:
    """Return what changes when a file of an interpreter is changed."""
    status = path.stat()
    return (
        f"{name}\0{path}\0{status.st_size}\0{status.st_mode}\0{status.st_mtime_ns}\0{status.st_ino}"
    )
