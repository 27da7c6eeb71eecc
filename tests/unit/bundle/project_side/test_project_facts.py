"""Facts are written and read as they were, and text of any other shape is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_deploykit.bundle.project_side.project_facts import ProjectFacts
from django_deploykit.runtime.wire.reader import WireError, parse


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = ProjectFacts(stage="done", apps=("shop",), outside=(("TEMPLATES", "../a"),))
    facts.record_collecting("s", [("", "static")], {"a.css": "static/a.css"}, ["z", "b"], {})
    facts.write(str(tmp_path / "answer.json"))
    found = parse(ProjectFacts, (tmp_path / "answer.json").read_bytes(), "facts")
    assert found == facts
    assert found.collected is not None
    assert found.collected.outside == ("b", "z")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "facts must be an object"),
        ('{"stage": 1}', r"facts\.stage must be a string"),
        ('{"outside": [["a"]]}', r"facts\.outside\[0\] must be a list of 2 items"),
        ('{"collected": {}}', r"facts\.collected\.settings is missing"),
        ('{"more": ""}', "facts has an unknown key: 'more'"),
        ("{", "facts is not valid JSON"),
    ],
)
def test_other_text_is_refused(text: str, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        parse(ProjectFacts, text, "facts")
