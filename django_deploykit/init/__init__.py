"""``python -m django_deploykit init``: prepares a project for its first release."""
