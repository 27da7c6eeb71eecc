"""The host verbs, by what they are for."""
