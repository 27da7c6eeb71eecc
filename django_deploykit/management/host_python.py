"""The Python that hosts without one get, for the verbs of setup and releases."""

from __future__ import annotations

from django_deploykit.bundle.build_cache import layer_paths
from django_deploykit.bundle.interpreter_layer import (
    interpreter_layer,
    project_interpreter,
    project_target,
)
from django_deploykit.project import Project
from django_deploykit.release.host_python import FindPython, HostPython


def host_python(project: Project) -> FindPython | None:
    """Return a function that finds the interpreter of a project's bundles; None if they have none."""
    return (lambda: _find(project)) if project.interpreter else None


def _find(project: Project) -> HostPython:
    interpreter = project_interpreter(project, project.root)
    assert interpreter is not None  # the project names one
    layer = interpreter_layer(interpreter, project_target(project, interpreter))
    archive, _, checksum = layer_paths(layer.sha256)
    digest = checksum.read_text(encoding="ascii")
    return HostPython(layer.sha256, interpreter.python, archive, digest)
