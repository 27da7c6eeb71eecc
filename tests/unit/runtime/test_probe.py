"""What is wrong with an answer to a health probe, in words that say what to do."""

from __future__ import annotations

import pytest

from django_deploykit.runtime.probe import Answer, judge


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(0, problem="timed out"), "was not answered: timed out"),
        (Answer(301, "https://www.example.com/up"), "SECURE_PROXY_SSL_HEADER"),
        (Answer(302, "/up"), "redirects to itself"),
        (Answer(400), "is 'www.example.com' in ALLOWED_HOSTS?"),
        (Answer(404), "`health` in deploykit.ini must name a page"),
        (Answer(500), "GET /up answered 500"),
    ],
)
def test_says_what_is_wrong(answer: Answer, words: str) -> None:
    assert words in judge(answer, "/up", "www.example.com")


@pytest.mark.parametrize("answer", [Answer(200), Answer(204), Answer(302, "/accounts/login/")])
def test_accepts_what_a_site_may_answer(answer: Answer) -> None:
    assert judge(answer, "/up", "www.example.com") == ""
