from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters import ecs_agent
from adapters.ecs_agent import EcsAgent
from devstack.ecs_agent import EcsAgentEmulator, error, failure
from devstack.receiver import DROP, GARBAGE, Answer, Raw
from domain.errors import Permanent, Transient

DENIED = (
    "User: arn:aws:sts::000000000000:assumed-role/worker/1 is not authorized to perform: ecs:UpdateTaskProtection"
)


@pytest.fixture
def agent() -> Iterator[EcsAgentEmulator]:
    with EcsAgentEmulator() as running:
        yield running


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (failure("DEPLOYMENT_BLOCKED"), "200.*DEPLOYMENT_BLOCKED"),
        (error(400, "AccessDeniedException", DENIED), "400.*not authorized"),
        (error(429, "ThrottlingException", "Rate exceeded"), "429.*Rate exceeded"),
        (error(504, "RequestCanceled", "Timed out calling Amazon ECS Task Protection API"), "504.*Timed out"),
        (Answer(200, {}, b'{"protection": {"ProtectionEnabled": false}}'), "200.*false"),
        (Answer(200, {}, b'{"protection": {"ProtectionEnabled": "true"}}'), "200"),
        (Answer(200, {}, b"[]"), "200"),
        (Answer(200, {}, b"fine \xff"), "200.*fine"),
        (Answer(500, {}, b'{"protection": {"ProtectionEnabled": true}}'), "500"),
        (Answer(302, {"Location": "/elsewhere"}), "302"),
        (DROP, "no answer"),
        (GARBAGE, "no answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_isn_t_the_state_that_was_asked_for_is_an_error_that_says_why(
    agent: EcsAgentEmulator, answer: Answer | Raw, why: str
) -> None:
    agent.plan(answer)
    with pytest.raises(Transient, match=why):
        EcsAgent(agent.uri).protect(15)
    EcsAgent(agent.uri).protect(15)
    assert agent.asked == [15]


def test_an_agent_that_does_not_know_the_path(agent: EcsAgentEmulator) -> None:
    with pytest.raises(Transient, match="404"):
        EcsAgent(agent.url).protect(15)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "no address", "http://["])
def test_an_agent_that_is_not_there(uri: str) -> None:
    with pytest.raises(Transient, match="no answer from the ECS agent"):
        EcsAgent(uri).lift()


def test_where_there_is_no_agent_there_never_will_be() -> None:
    with pytest.raises(Permanent, match="ECS_AGENT_URI"):
        EcsAgent(None).protect(15)


def test_a_long_answer_is_cut_in_the_error(agent: EcsAgentEmulator) -> None:
    agent.plan(Answer(500, {}, b"x" * 100_000))
    with pytest.raises(Transient) as raised:
        EcsAgent(agent.uri).protect(15)
    assert len(str(raised.value)) < 2 * ecs_agent.LONGEST_EXCERPT


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"ProtectionEnabled": 1}', b'{"ProtectionEnabled": true, "Minutes": 1}']
)
def test_the_emulator_refuses_what_the_agent_refuses(agent: EcsAgentEmulator, body: bytes) -> None:
    answer = agent.handle("/api/0123456789abcdef/task-protection/v1/state", body)
    assert isinstance(answer, Answer)
    assert answer.status == 400
    assert agent.asked == []


def test_the_emulator_knows_the_longest_protection(agent: EcsAgentEmulator) -> None:
    EcsAgent(agent.uri).protect(2880)
    with pytest.raises(Transient, match="400"):
        EcsAgent(agent.uri).protect(2881)
    assert agent.asked == [2880]
