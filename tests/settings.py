"""Settings of the test suite itself: no database, nothing of a project's."""

SECRET_KEY = "only-for-the-tests-" + "x7" * 30
INSTALLED_APPS = ["django_deploykit"]
USE_TZ = True
