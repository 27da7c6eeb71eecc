"""Cases of the topic ``repository``: the repository and what settings read."""

from __future__ import annotations

from tests.unit.checks.cases.made import Case, Cases

CASES: Cases = {
    "W801": (
        [
            Case(
                files={"deploykit.ini": "[check]\nskip = W310 long sessions, until 2026-01-31\n"},
            )
        ],
        [Case(files={"deploykit.ini": "[check]\nskip = W310 long, until 2999-01-31\n"}), Case()],
    ),
    "W805": (
        [
            Case(subject={"tracked": (name,)})
            for name in (".env", "db.sqlite3", "conf/id_rsa", "backup.sql.gz", "tls/site.key")
        ],
        [
            Case(subject={"tracked": ("shop/settings.py", ".env.example", "tests/data/key.pem")}),
            Case(),
        ],
    ),
}
