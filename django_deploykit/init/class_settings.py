"""What to write into settings that are classes of django-configurations, which stay as they are (pure)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from django_deploykit.init.chain import Chain
from django_deploykit.init.settings import Note

_IMPORT = 'from django_deploykit.conf import Config\n\nconfig = Config("{app}")\n'
# Lines of the class, each with the text that shows that the settings have something for it.
_LINES = (
    ("SECRET_KEY", 'SECRET_KEY = config.secret("SECRET_KEY")'),
    (
        "ALLOWED_HOSTS",
        'ALLOWED_HOSTS = config.hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])',
    ),
    ("django_deploykit", 'INSTALLED_APPS = ["django_deploykit", *{base}.INSTALLED_APPS]'),
    ("STATIC_ROOT", 'STATIC_ROOT = BASE_DIR / "staticfiles"'),
    (".production()", "vars().update(config.production())  # LOGGING, HTTPS, secure cookies, HSTS"),
)


def has_classes(chain: Chain) -> bool:
    """Whether the settings module has classes of django-configurations."""
    imported = (
        node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
        for source in chain.sources
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    )
    return any(name.partition(".")[0] == "configurations" for name in imported)


def notes(chain: Chain, app: str, configuration: str) -> Iterator[Note]:
    """Yield a note with the lines to add to the class ``configuration``, unless it has them."""
    source = chain.last
    classes = [node for node in source.tree.body if isinstance(node, ast.ClassDef)]
    found = next((one for one in classes if one.name == configuration), None)
    place = source.where(found) if found is not None else source.path
    bases = [ast.unparse(one) for one in found.bases] if found is not None else []
    base = bases[0] if bases else "Configuration"
    text = "".join(one.text for one in chain.sources).replace("django_deploykit.conf", "")
    lines = [line.format(base=base) for known, line in _LINES if known not in text]
    if not lines:
        return
    name = configuration or "Production"
    shown = [f"class {name}({base}):", "    ...", *(f"    {line}" for line in lines)]
    if "Config(" not in text:
        shown = [*_IMPORT.format(app=app).splitlines(), "", *shown]
    code = "\n".join(f"    {line}".rstrip() for line in shown)
    yield Note(
        f"{place}: the settings are classes of django-configurations, which stay as they are. "
        f"Write there:\n\n{code}\n"
    )
