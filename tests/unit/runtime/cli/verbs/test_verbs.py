"""Finding a verb among those of all modules."""

from __future__ import annotations

import subprocess
import sys

from django_deploykit.runtime.cli.verbs import all_verbs
from django_deploykit.runtime.wire import facts, logs, operating, releasing, reports
from django_deploykit.runtime.wire.calls import Call


def test_every_call_is_answered_by_a_verb() -> None:
    modules = (facts, logs, operating, releasing, reports)
    calls = {
        one.name for module in modules for one in vars(module).values() if isinstance(one, Call)
    }
    assert {one.name for one in all_verbs() if not one.prints_text} == {
        *calls,
        "install",
        "restart",
        "rollback",
    }


def test_verbs_that_change_the_site_run_one_after_the_other() -> None:
    assert {one.name for one in all_verbs() if one.changes_site} == {
        "receive",
        "stage",
        "upload",
        "migrate",
        "switch",
        "settle",
        "prune",
    }


def test_a_verb_of_a_release_loads_no_others() -> None:
    code = """
import sys
from django_deploykit.runtime.cli.verbs import find_verb
assert find_verb("stage") is not None
print([name for name in sys.modules if name.endswith((".operating", ".webservers"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
