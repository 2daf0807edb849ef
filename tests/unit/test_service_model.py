from __future__ import annotations

from typing import Any

import pytest

from devstack.service_model import from_wire, request_shape, violations

CREATE_JOB = request_shape("mediaconvert", "CreateJob")


def job(**settings: Any) -> dict[str, Any]:
    return {"Role": "arn", "Settings": settings}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (job(), ""),
        ({"Settings": {}}, ".Role is missing"),
        (job(Nonsense=1), ".Settings.Nonsense is unknown"),
        ([], "CreateJobRequest: a structure is wanted"),
        ({**job(), "Priority": 51}, ".Priority: 51, the most is 50"),
        ({**job(), "Priority": -51}, ".Priority: -51, the least is -50"),
        ({**job(), "Priority": "1"}, ".Priority: a integer is wanted, not '1'"),
        ({**job(), "Priority": True}, ".Priority: a integer is wanted, not True"),
        ({**job(), "BillingTagsSource": "NOBODY"}, ".BillingTagsSource: 'NOBODY' is none of QUEUE, "),
        ({**job(), "UserMetadata": {"app": 1}}, ".UserMetadata.app: a string is wanted"),
        (
            job(Inputs=[{"FileInput": "s3://b/k"}, {"FileInput": "ftp://b/k"}]),
            ".Settings.Inputs[1].FileInput: 'ftp",
        ),
        (job(Inputs=[{"FileInput": "s3://b/" + "k" * 2042}]), "2049 characters, the most is 2048"),
        (job(OutputGroups=[{"Outputs": [{"NameModifier": ""}]}]), "0 characters, the least is 1"),
    ],
)
def test_what_is_wrong_with_a_value(value: Any, found: str) -> None:
    said = list(violations(CREATE_JOB, value))
    assert (found == "" and said == []) or any(found in line for line in said), said


def test_the_names_on_the_wire_become_those_of_boto3() -> None:
    wire = {"settings": {"inputs": [{"fileInput": "s3://b/k"}]}, "userMetadata": {"rawKey": "k"}, "x": 1}
    named = {"Settings": {"Inputs": [{"FileInput": "s3://b/k"}]}, "UserMetadata": {"rawKey": "k"}, "x": 1}
    assert from_wire(CREATE_JOB, wire) == named
    assert from_wire(CREATE_JOB, {"settings": 1}) == {"Settings": 1}
