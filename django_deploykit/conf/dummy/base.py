"""The database of settings that are loaded for building: nothing can be done with it.

Django's own dummy database supports nothing, so Django's checks of the models report errors that
the real database does not have (``fields.E120``). This one supports everything.
"""

from __future__ import annotations

from django.db.backends.base.features import BaseDatabaseFeatures
from django.db.backends.dummy import base


class DatabaseFeatures(BaseDatabaseFeatures):
    """All that a database may support, for Django's checks."""


for _name, _value in vars(BaseDatabaseFeatures).items():
    if _name.startswith(("supports_", "has_")) and _value is False:
        setattr(DatabaseFeatures, _name, True)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's dummy database, which refuses every query, with other features."""

    features_class = DatabaseFeatures
