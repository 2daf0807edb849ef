"""MediaConvert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from domain.checks.finding import Finding

SERVICE = "mediaconvert.amazonaws.com"
ROLE, PROBE, QUEUE = "MediaConvert: role", "MediaConvert: Probe", "MediaConvert: queue"

NO_ROLE = Finding(
    "MediaConvert",
    True,
    "MEDIACONVERT_ROLE_ARN isn't set",
    "each video fails with VIDEO_PROCESSING_FAILED",
    "set it, if there are videos",
)


def judge_role(role: str, trust: object) -> Finding:
    """`trust` is the role's trust policy; None: there is no such role."""
    if trust is None:
        return Finding(
            ROLE,
            False,
            f"{role} isn't there",
            "each video fails",
            "mend MEDIACONVERT_ROLE_ARN: account, path and name",
        )
    if _may_take_it_on(trust):
        return Finding(ROLE, True, f"MediaConvert may take on {role}")
    return Finding(
        ROLE,
        False,
        f"the trust policy of {role} doesn't name {SERVICE}",
        "each video fails: MediaConvert may not take the role on",
        f"allow sts:AssumeRole to the service {SERVICE} in the role's trust policy",
    )


def judge_queue(queue: str, status: str | None) -> Finding:
    """`status` is None where there is no such queue."""
    if status == "ACTIVE":
        return Finding(QUEUE, True, f"{queue} is active")
    if status is None:
        return Finding(QUEUE, False, f"{queue} isn't there", "each video fails", "mend MEDIACONVERT_QUEUE_ARN")
    return Finding(
        QUEUE,
        False,
        f"{queue} is {status}",
        "videos are taken and never begun: their jobs wait for JOB_TIMEOUT again and again",
        "activate the queue",
    )


def _may_take_it_on(trust: object) -> bool:
    statements = _listed(trust["Statement"]) if _is_mapping(trust) and "Statement" in trust else []
    return any(_allows(statement) for statement in statements)


def _allows(statement: object) -> bool:
    if not _is_mapping(statement) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if _is_mapping(principal) else []
    actions = {str(action).lower() for action in _listed(statement.get("Action"))}
    return SERVICE in services and bool(actions & {"sts:assumerole", "sts:*", "*"})


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)
