"""Declarations, and the sample made from them."""

from __future__ import annotations

from pathlib import Path

from django_deploykit.conf import Config, sample
from django_deploykit.conf.declarations import sample as written
from django_deploykit.conf.declarations import sample_of_variables
from django_deploykit.conf.drivers import database_help
from django_deploykit.conf.ini import parse_ini
from django_deploykit.runtime.base.configuration import fill
from django_deploykit.runtime.base.ini import keys_with_value


def project() -> Config:
    config = Config("shop", environ={"DEPLOYKIT_BUILD": "1"})
    config.bool("DEBUG", default=False, help="Show error pages for developers.")
    config.secret("SECRET_KEY")
    config.database("DATABASE_URL", help="Where the data is")
    config.str("STRIPE_ACCOUNT")
    config.list("CSRF_TRUSTED_ORIGINS", default=["https://a.example", "https://b.example"])
    return config


def test_required_options_have_no_value() -> None:
    text = sample(project().declarations)
    options = parse_ini(text, Path("shop.ini")).sections
    assert options["django"]["secret_key"].value == "{generate}"
    assert options["database"]["url"].value == ""
    assert options["stripe"]["account"].value == ""
    assert "debug" not in options["django"]


def test_other_options_are_comments_with_their_defaults() -> None:
    text = sample(project().declarations)
    assert "# debug = false" in text
    assert "# Show error pages for developers. (bool, DEBUG)" in text
    assert "# csrf_trusted_origins = https://a.example, https://b.example" in text


def test_the_head_says_how_a_change_takes_effect() -> None:
    head = written(project().declarations, "shop").split("\n\n")[0]
    assert "deploykit restart" in head
    assert "sudo systemctl restart 'shop-*@*'" in head
    assert "manage.py release stop, then manage.py release" in head
    assert all(line.startswith("# ") and len(line) < 100 for line in head.splitlines())


def test_a_default_that_the_line_does_not_show_is_described() -> None:
    config = Config("shop", environ={"DEPLOYKIT_BUILD": "1"})
    config.str("SHOP_BANNER", default="")
    config.secret("STRIPE_KEY", default="sk-known")
    text = sample(config.declarations)
    assert "# (str, empty by default, SHOP_BANNER)\n# banner =\n" in text
    assert "# (secret, the default is not shown, STRIPE_KEY)\n# key =\n" in text
    assert "sk-known" not in text


def test_a_filled_sample_sets_only_the_key() -> None:
    filled = fill(sample(project().declarations))
    assert keys_with_value(filled) == {"[django] secret_key"}
    assert fill(sample(project().declarations)) != filled


def test_settings_without_help_are_described() -> None:
    config = Config("shop", environ={"DEPLOYKIT_BUILD": "1"})
    config.hosts("ALLOWED_HOSTS", default=["localhost"])
    config.database()
    text = written(config.declarations, "shop")
    assert " ".join(text.replace("\n#", "").split()).count(database_help("shop")) == 1
    assert "# The site's host names, separated by commas:" in text


def test_required_variables_have_a_section_of_the_sample() -> None:
    before = written(project().declarations, "shop")
    assert sample_of_variables([], "shop", before) == before
    text = sample_of_variables(["SECRET_KEY", "TOKEN"], "shop", before)
    assert text.startswith(before)
    assert text.endswith(
        "\n[environment]\n# Required, here or in the .env file.\nSECRET_KEY = {generate}\nTOKEN =\n"
    )
    alone = sample_of_variables(["SECRET_KEY", "TOKEN"], "shop", "")
    assert alone.startswith("# Configuration of shop.")
    assert keys_with_value(fill(alone)) == {"[environment] secret_key"}
