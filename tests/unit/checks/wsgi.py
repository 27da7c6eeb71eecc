"""The application that E812 finds."""
