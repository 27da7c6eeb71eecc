"""``python -m django_deploykit init``: prepares a project for its first release."""

HELP = "Prepare a project for its first release."
