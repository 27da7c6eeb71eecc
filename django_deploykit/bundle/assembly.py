"""Assembling a bundle: the layers of the project's own files, and the manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from django_deploykit.bundle import runtime_files
from django_deploykit.bundle.environment import InstalledEnvironment, TargetPython
from django_deploykit.bundle.formats.base import Content
from django_deploykit.bundle.locks.base import LockFile
from django_deploykit.bundle.own_layers import static_folder
from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.bundle.sbom import make_sbom
from django_deploykit.bundle.source import Commit
from django_deploykit.conf.serving import why_asgi
from django_deploykit.errors import Problems
from django_deploykit.project import Project
from django_deploykit.project.procfile import (
    ASGI_SERVER_HINT,
    NO_ASGI_SERVER,
    default_web,
    read_procfile,
)
from django_deploykit.project.web_line import iter_web_problems
from django_deploykit.runtime.base.option_names import ENVIRONMENT, key_of
from django_deploykit.runtime.bundle.manifest import Layer, Manifest, Process
from django_deploykit.runtime.servers import SERVERS


def make_manifest(
    project: Project,
    commit: Commit,
    target: TargetPython,
    environment: InstalledEnvironment,
    lock: LockFile,
    facts: ProjectFacts,
    all_layers: Sequence[Layer],
    folder: Path,
) -> Manifest:
    """Return the manifest.

    It names no tag or branch, because other clones of the same commit may have different ones.
    """
    static = static_folder(facts, folder)
    ordered = sorted(all_layers, key=lambda one: (one.kind, one.name))
    names = {layer.name for layer in ordered if layer.kind == "distribution"}
    return Manifest(
        project=project.name,
        release_id=commit.release_id,
        commit=commit.sha,
        commit_time=commit.time,
        tree=commit.tree,
        settings_module=facts.settings_module,
        configuration=project.configuration,
        wsgi=facts.wsgi,
        asgi=facts.asgi,
        static_root=f"app/{static}" if static else "",
        static_url=facts.static_url,
        static_storage=facts.remote_static,
        python=target.python,
        python_full=target.full,
        platform=environment.platform,
        glibc=environment.glibc,
        layers=tuple(ordered),
        processes=find_processes(facts, folder, names),
        required=(
            *facts.required,
            *(key_of(ENVIRONMENT, name) for name, _ in project.environment),
        ),
        reads=facts.reads,
        unhashed=lock.unhashed,
        runtime=runtime_files.runtime_digest(),
    )


def find_processes(
    facts: ProjectFacts, folder: Path, names: Collection[str]
) -> tuple[Process, ...]:
    """Return the Procfile's processes, with a default web process if the Procfile has none.

    ``names`` are the names of the locked distributions.
    """
    found = read_procfile(folder / "Procfile")
    if not any(process.name == "web" for process in found):
        web = _default_web(facts, folder, names)
        found = (*((web,) if web else ()), *found)
    validate_servers(found, names, folder)
    return found


def validate_servers(processes: Sequence[Process], names: Collection[str], folder: Path) -> None:
    """Raise :class:`Problems` for programs that are not locked, and a web line that no release can run."""
    others = [one for one in processes if one.name != "web"]
    validate_programs(others, {name for name, one in SERVERS.items() if one.missing(names)})
    for web in processes:
        found = list(iter_web_problems(web.command, names, folder)) if web.name == "web" else []
        if found:
            raise Problems(
                f"a release cannot run the web process, {web.command}",
                [problem for problem, _ in found],
                " ".join(dict.fromkeys(hint for _, hint in found)),
            )


def validate_programs(processes: Sequence[Process], missing: Collection[str]) -> None:
    """Raise :class:`Problems` if a process runs one of the programs that are not locked."""
    programs = {process.command.split()[0] for process in processes}
    for program in sorted(programs & set(missing)):
        raise Problems(
            f"{program} is not among the locked dependencies, and these processes run it:",
            [
                f"{one.name}: {one.command}"
                for one in processes
                if one.command.split()[0] == program
            ],
            f"Add {program} to the project's requirements and lock again.",
        )


def _default_web(facts: ProjectFacts, folder: Path, names: Collection[str]) -> Process | None:
    """Return the web process of a project that names none. By ASGI, a server must be locked."""
    why = why_served_by_asgi(facts, folder)
    web = default_web("" if why else facts.wsgi, facts.asgi, names)
    if why and web is None:
        raise Problems(NO_ASGI_SERVER, [why], ASGI_SERVER_HINT)
    return web


def iter_notes(facts: ProjectFacts, folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what a developer may not expect of a bundle: how it is served, what its hosts need."""
    why = why_served_by_asgi(facts, folder)
    named = {process.name for process in read_procfile(folder / "Procfile")}
    web = next((one.command for one in manifest.processes if one.name == "web"), "")
    if why and "web" not in named:
        yield f"served by ASGI, because {why}, and the Procfile has no web line. It is: {web}"
    if "django.contrib.gis" in facts.apps:
        yield "GeoDjango needs GDAL and GEOS, which no bundle has: apt install gdal-bin on every host"


def why_served_by_asgi(facts: ProjectFacts, folder: Path) -> str:
    """Return why the project is served by ASGI where no web line says how, or an empty string."""
    module = facts.asgi.partition(":")[0]
    if not module:
        return ""
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return why_asgi(text, bool(facts.wsgi), facts.asgi_named, facts.apps)


def make_content(manifest: Manifest, target: TargetPython, lock: LockFile, sample: str) -> Content:
    """Return the bundle's content. ``sample`` is the commented sample of its configuration file."""
    sbom = make_sbom(
        manifest.project,
        manifest.release_id,
        manifest.commit,
        manifest.commit_time,
        manifest.layers,
        lock.digests(),
        dict.fromkeys(lock.added, lock.plugins),
    )
    files = {"sample.ini": sample.encode(), "sbom.cdx.json": sbom.encode()}
    runtime = runtime_files.files(target)
    return Content(manifest, runtime, files, requirements=lock.requirements)
