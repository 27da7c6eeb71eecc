"""Rolls this host back by hand: the steps and refusals of a rollback over SSH."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Union

from ..base.site import load_site
from ..wire.events import Activity
from ..wire.releasing import InstallResult
from ..wire.voice import Voice
from . import facts
from .here import (
    Errand,
    Here,
    add_plan_argument,
    hand_caller,
    local_stages,
    locked_plan,
    nothing_to_do,
    run_steps,
    show_plan,
    show_way_back,
)
from .plan import Choices, Plan, Step, rollback_plan
from .rollback_targets import rollback_targets
from .stages import Caller, find_blocking, refuse_blocking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_plan_argument(parser)


def roll_back(
    root: Path, release: str, options: argparse.Namespace, path: Path, voice: Voice
) -> Union[InstallResult, Plan]:
    """Go back to ``release``, or if empty to the last good one; with ``--plan`` return the plan."""
    site = load_site(root)
    facts.validate_root(site.root)
    here = Here(site, path, Errand("rollback", "rolling back", options.wait), voice)

    def make_plan() -> Plan:
        found = {here.name: facts.facts(site.root, "", here.program)}
        return rollback_plan(rollback_targets(found, release), found, Choices())

    if options.plan:
        return show_plan(make_plan(), voice)
    with locked_plan("rollback", here.name, here.lock(), make_plan) as plan:
        if not plan.steps:
            voice.emit(Activity(nothing_to_do(plan)))
        carry_out(here, plan)
        show_way_back(site, plan.live[here.name], voice)
    return InstallResult(plan.release, changed=bool(plan.steps))


def carry_out(here: Here, plan: Plan) -> None:
    """Run the steps of a rollback."""
    stages = local_stages(here, plan, _caller(here))

    def switch(step: Step) -> str:
        here.switch(step.release)
        return ""

    work = {"settle": stages.settle, "compatibility": stages.compatibility, "switch": switch}
    run_steps(stages, work)


def _caller(here: Here) -> Caller:
    return replace(hand_caller(here.voice), unchanged="nothing was changed")


def validate_compatible(here: Here, release: str) -> None:
    """Raise an error if applied migrations break a staged release."""
    refuse_blocking({here.name: find_blocking(here, release)}, _caller(here))
