"""The runbook of a site: one HTML page for the people who are called when something is wrong (pure).

It names this site's file, folders, accounts, processes and options, so that a reader needs no
other page, no Django, and no knowledge of django-deploykit.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Iterable, Iterator, Optional, Sequence, Tuple

from ..base.site import Site
from ..bundle.manifest import Manifest

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2em; border-bottom: 1px solid; }
pre { background: #8882; padding: .7em; overflow-x: auto; } code { background: #8882; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #8886; padding: .4em .6em .4em 0; text-align: left; vertical-align: top; }
:root { color-scheme: light dark; } @media print { pre { white-space: pre-wrap; } }
"""
Row = Tuple[str, ...]


@dataclass(frozen=True)
class Runbook:
    """What the page says.

    ``command`` is how the bundle is called, ``sample`` the sample of the configuration. If this
    host is set up, ``host`` is its name, ``live`` its live release, and ``deploy_user`` the owner
    of the site's folder.
    """

    manifest: Manifest
    command: str
    sample: str
    site: Site
    host: str = ""
    live: Optional[str] = None
    deploy_user: str = ""

    def verb(self, words: str) -> str:
        """Return the command of a verb."""
        return f"{self.command} deploykit {words}"

    def as_root(self, command: str) -> str:
        """Return the command that runs another as root."""
        return f"sudo {command}"


def page(book: Runbook) -> str:
    """Return the page."""
    title = f"Runbook of {book.manifest.project}"
    sections = (
        ("first", "Something is wrong", _trouble(book)),
        ("bare", "Put it live on a new host", _bare_host(book)),
        ("version", "Put a new version live, and go back", _new_version(book)),
        ("places", "Where things are", _places(book)),
        ("configuration", "Change the configuration", _configuration(book)),
        ("backup", "Save and restore", _backup(book)),
        ("removal", "Take it away", _removal(book)),
    )
    body = "\n".join(
        f'<h2 id="{name}">{escape(heading)}</h2>\n' + "\n".join(lines)
        for name, heading, lines in sections
    )
    links = " · ".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n{_what(book)}\n<p>{links}</p>\n{body}\n</html>\n"
    )


def _what(book: Runbook) -> str:
    manifest = book.manifest
    where = f"On {book.host}, {book.live or 'nothing'} is live." if book.host else ""
    return _text(
        f"This page belongs to the file {book.command}: release {manifest.release_id},"
        f" commit {manifest.commit[:12]}, for Python {manifest.python} on {manifest.platform}. {where}"
        " Run the commands in the folder of the file, as the deploy user. Those that begin with sudo"
        " are for root, who can leave it out."
    )


def _trouble(book: Runbook) -> Iterator[str]:
    app, ini = book.site.app, str(book.site.ini)
    yield _text(
        "Begin with these three: what is live and whether it answers, what it logged, what was done."
    )
    yield _commands(
        book.verb("status"),
        book.verb("logs --since 1h --grep 'Traceback|ERROR|CRITICAL'"),
        book.verb("history"),
    )
    yield _table(
        ("what you see", "what to do"),
        [
            ("It began after a new version went live", f"Go back: {book.verb('rollback')}"),
            (
                "It began after a change of the configuration",
                f"Change {ini} back, then: {book.verb('restart')}",
            ),
            ("status says that nothing answers", f"Restart: {book.verb('restart')}"),
            ("A process starts again and again", f"Read why: {book.verb('logs --lines 200')}"),
            (
                "status lists a command that still runs",
                f"Wait for it, or end it: {book.verb('cancel ID')}",
            ),
            (
                "The disk is full",
                f"Make room in {book.site.root} and {book.site.data}; a rollback needs no room.",
            ),
            ("The host was restarted", f"{app} starts by itself. If not: {book.verb('status')}"),
            (
                "An error with a code such as E104",
                "The text after it says what to change, and where.",
            ),
        ],
    )


def _bare_host(book: Runbook) -> Iterator[str]:
    manifest = book.manifest
    python = "" if manifest.interpreter else f" and Python {manifest.python}"
    yield _text(
        f"The host needs systemd{python}. It needs no internet. The first command shows what"
        " the second one changes. The second one lists at its end what is left for you to do."
    )
    yield _commands(book.as_root(book.verb("setup --plan")), book.as_root(book.verb("setup")))
    yield _text(f"Fill in {book.site.ini}, as root:")
    options = [*manifest.required, "[django] allowed_hosts"]
    yield (
        "<ul>"
        + "".join(f"<li><code>{escape(one)}</code></li>" for one in dict.fromkeys(options))
        + "</ul>"
    )
    yield _text("Then put it live, and look:")
    yield _commands(book.verb("install"), book.verb("status"))
    yield _text("For the web server in front, this prints a file and where to put it:")
    yield _commands(book.verb("webserver nginx --name www.example.com"))


def _new_version(book: Runbook) -> Iterator[str]:
    yield _text(
        "Copy the new file to the host. The new version starts beside the old one and takes over when"
        " it answers. If it does not, the old one stays, and the message says why."
    )
    yield _commands(book.verb("install --plan"), book.verb("install"))
    yield _text(
        "To go back to the version that was live before. Going back past a change of the database is"
        " refused, with the commands that undo it:"
    )
    yield _commands(book.verb("rollback --plan"), book.verb("rollback"))


def _places(book: Runbook) -> Iterator[str]:
    site = book.site
    yield _table(
        ("what", "where"),
        [
            ("configuration, which releases never change", str(site.ini)),
            ("data", str(site.data)),
            ("releases; change nothing there by hand", str(site.root)),
            ("where the site listens", site.listen),
            ("pages that must answer", " ".join(site.pages)),
            (
                "account that owns the releases",
                book.deploy_user or "the user who called sudo for setup",
            ),
            ("account of the processes", site.app),
        ],
    )
    yield _text("The processes, with their systemd units:")
    rows = [
        (one.name, one.command, f"{site.app}-{one.name}@RELEASE.service")
        for one in book.manifest.processes
    ]
    yield _table(("process", "command", "unit"), rows)


def _configuration(book: Runbook) -> Iterator[str]:
    yield _text(
        f"Edit {book.site.ini} as root. Then restart: the live version is checked with the new"
        " configuration first, and nothing is restarted if the check fails."
    )
    yield _commands(book.verb("restart"))
    yield _text("All options, as the file has them at first:")
    yield f"<details><summary>{escape(book.site.app)}.ini</summary><pre>{escape(book.sample)}</pre></details>"


def _backup(book: Runbook) -> Iterator[str]:
    app, etc, data = book.site.app, str(book.site.etc), str(book.site.data)
    file = f"/var/backups/{app}-files.tar.gz"
    yield _text(
        "Save the database with its own tools (pg_dump, mysqldump), and these two folders. They contain"
        " secrets. With SQLite the database is among the data: stop the site first, so that it is whole."
    )
    yield _commands(
        book.as_root(f"systemctl stop {app}.service {app}.socket"),
        book.as_root(f"tar --create --gzip --file={file} {data} {etc}"),
        book.as_root(f"systemctl start {app}.socket {app}.service"),
    )
    yield _text("To restore them on a host that is set up:")
    yield _commands(
        book.as_root(f"systemctl stop {app}.service {app}.socket"),
        book.as_root(f"tar --extract --gzip --directory=/ --file={file}"),
        book.as_root(f"systemctl start {app}.socket {app}.service"),
    )


def _removal(book: Runbook) -> Iterator[str]:
    yield _text(
        f"The first command shows what goes. The data and the configuration stay, in {book.site.data}"
        f" and {book.site.etc}."
    )
    yield _commands(book.as_root(book.verb("remove --plan")), book.as_root(book.verb("remove")))


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _commands(*lines: str) -> str:
    return '<pre class="commands">' + "\n".join(escape(line) for line in lines) + "</pre>"


def _table(head: Row, rows: Sequence[Row]) -> str:
    def cells(tag: str, row: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(one)}</{tag}>" for one in row) + "</tr>"

    return (
        "<table>\n"
        + "\n".join([cells("th", head), *(cells("td", row) for row in rows)])
        + "\n</table>"
    )
