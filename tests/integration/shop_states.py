"""The states of the shop that are built as bundles, and the changes that lead to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], None]


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace a piece of a file that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


def greet(project: Path) -> None:
    """Make a change that visitors see."""
    rewrite(project / "shop/templates/shop/home.html", "Welcome to", "Welcome back to")


def keep_static_files_in_a_bucket(project: Path) -> None:
    """Put static files to the web server ``[bucket] url``."""
    (project / "shop/bucket.py").write_text(
        "from urllib.request import Request, urlopen\n"
        "from django.core.files.storage import Storage\n"
        "from shop.settings import BUCKET_KEY, BUCKET_URL\n\n\n"
        "class Bucket(Storage):\n"
        "    def exists(self, name):\n"
        "        return False\n\n"
        "    def url(self, name):\n"
        "        return f'{BUCKET_URL}/{name}'\n\n"
        "    def _save(self, name, content):\n"
        "        headers = {'Authorization': BUCKET_KEY}\n"
        "        asked = Request(self.url(name), content.read(), headers, method='PUT')\n"
        "        urlopen(asked, timeout=60).close()\n"
        "        return name\n"
    )
    with (project / "shop/settings.py").open("a", encoding="utf-8") as file:
        file.write(
            '\nBUCKET_URL = config.str("BUCKET_URL")\n'
            'BUCKET_KEY = config.secret("BUCKET_KEY")\n'
            'STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "shop.bucket.Bucket"}}\n'
        )


def fall_sick(project: Path) -> None:
    """Let the health path and the server's entry point do what the file ``sick`` of the site's data says."""
    rewrite(
        project / "shop/views.py",
        "    connection.ensure_connection()\n",
        "    connection.ensure_connection()\n"
        '    served = "gunicorn" in sys.modules\n'
        '    sick = (config.data / "sick").read_text()\n'
        '    if sick == "500" or (sick == "500 when served" and served):\n'
        '        print("the till is jammed", flush=True)\n'
        '        return HttpResponse("down\\n", status=500)\n'
        '    if sick == ("hang" if served else "hang when checked"):\n'
        "        time.sleep(3600)\n",
    )
    rewrite(project / "shop/views.py", "import os\n", "import os\nimport sys\nimport time\n")
    rewrite(
        project / "shop/views.py",
        "from shop.models import",
        "from shop.settings import config\nfrom shop.models import",
    )
    with (project / "shop/wsgi.py").open("a", encoding="utf-8") as file:
        file.write(
            "import sys\nfrom shop.settings import config\n"
            'if "gunicorn" in sys.modules and (config.data / "sick").read_text() == "import":\n'
            '    raise RuntimeError("the key to the shop is lost")\n'
        )


def migrate_kindly(project: Path) -> None:
    """Add a field that old code can live with."""
    greet(project)
    rewrite(
        project / "shop/models.py",
        "    stock = models",
        "    note = models.TextField(null=True)\n    stock = models",
    )
    _migration(
        project, 'migrations.AddField("product", "note", models.TextField(null=True))', "0002_note"
    )


def migrate_badly(project: Path) -> None:
    """Rename a field, remove a model and add a NOT NULL field: old code breaks at all of them."""
    greet(project)
    rewrite(
        project / "shop/models.py",
        "    stock = models.PositiveIntegerField(default=0)",
        "    left = models.PositiveIntegerField(default=0)\n"
        "    shelf = models.CharField(max_length=9)",
    )
    text = (project / "shop/models.py").read_text(encoding="utf-8")
    (project / "shop/models.py").write_text(text.partition("\n\nclass Order")[0], encoding="utf-8")
    rewrite(
        project / "shop/views.py",
        "from shop.models import Order, Product",
        "from shop.models import Product",
    )
    rewrite(
        project / "shop/views.py",
        '    Order.objects.create(product=found, email=request.POST.get("email", ""))\n',
        "    assert found\n",
    )
    rewrite(project / "shop/admin.py", "import Order, Product", "import Product")
    rewrite(project / "shop/admin.py", "[Order, Product]", "[Product]")
    _migration(
        project,
        'migrations.RenameField("product", "stock", "left"),\n'
        '        migrations.DeleteModel("order"),\n'
        '        migrations.AddField("product", "shelf", models.CharField(max_length=9, default="A"),'
        " preserve_default=False)",
        "0002_shelf",
    )


def _migration(project: Path, operations: str, name: str) -> None:
    (project / f"shop/migrations/{name}.py").write_text(
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "0001_initial")]\n'
        f"    operations = [\n        {operations}\n    ]\n",
        encoding="utf-8",
    )


EDITS: dict[str, tuple[Edit, str]] = {
    "bucket": (keep_static_files_in_a_bucket, "2026-11-23T05:00:00Z"),
    "first": (lambda _: None, "2026-11-23T04:15:00Z"),
    "second": (greet, "2026-11-23T05:00:00Z"),
    "sick": (fall_sick, "2026-11-23T05:01:00Z"),
    "kind": (migrate_kindly, "2026-11-23T05:04:00Z"),
    "bad": (migrate_badly, "2026-11-23T05:05:00Z"),
}
