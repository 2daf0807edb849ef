"""docs/migration.md gives commands that the AWS CLI knows, in an order that can be gone back."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
COMMAND = re.compile(r"\baws ([a-z0-9]+) ([a-z0-9-]+)((?:[^\n`)|;]|\\\n)*)")
OF_THE_CLI_ALONE = {("s3", "cp"), ("cloudformation", "deploy"), ("ecs", "wait")}
COMMANDS = [match for match in COMMAND.findall(PAGE) if match[:2] not in OF_THE_CLI_ALONE]


@pytest.mark.parametrize(("service", "operation", "rest"), COMMANDS, ids=lambda value: value[:40].strip())
def test_each_command_is_an_operation_with_these_options(service: str, operation: str, rest: str) -> None:
    model = botocore.session.get_session().get_service_model("s3" if service == "s3api" else service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations
    shape = model.operation_model(operations[operation]).input_shape
    known = {xform_name(name, "-"): member.type_name for name, member in shape.members.items()} if shape else {}
    switches = {f"no-{name}" for name, kind in known.items() if kind == "boolean"}
    options = set(re.findall(r"(?<= )--([a-z0-9-]+)", rest)) - {"query", "output"}
    assert options <= known.keys() | switches


def test_these_checks_have_something_to_check() -> None:
    assert {("lambda", "update-event-source-mapping"), ("stepfunctions", "list-executions")} <= {
        match[:2] for match in COMMANDS
    }


def test_the_steps_come_in_their_order() -> None:
    """Above all: the trigger is off before a worker receives."""
    assert [title for title in SECTIONS if title[0].isdigit()] == [
        "1. Look at what you have",
        "2. Adopt the bucket, the key and the queues",
        "3. Shadow run",
        "4. Turn off the trigger, before `run`",
        "5. Canary by share",
        "6. Drain the running executions",
        "7. Finalization by message",
        "8. Delete",
    ]


@pytest.mark.parametrize("number", range(2, 9))
def test_each_step_that_changes_something_says_how_one_gets_back(number: int) -> None:
    (section,) = (text for title, text in SECTIONS.items() if title.startswith(f"{number}. "))
    assert "**Way back:**" in section


def test_nothing_is_deleted_before_the_last_step() -> None:
    for title, text in SECTIONS.items():
        assert title == "8. Delete" or not re.search(r"aws \w+ delete-", text), title
