"""A template as CloudFormation sees it: emulators skip properties in silence, so what they say proves little."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

INFRA = Path(__file__).parents[3] / "infra"
NO_VALUE = object()
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:callback-a1b2c3"
PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::NoValue": NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "media",
    "AWS::URLSuffix": "amazonaws.com",
}


class Template:
    """What a template makes with these parameters.

    A reference to a resource stays its name, an attribute `Name.Attribute`, an import `import:name`.
    """

    def __init__(self, file: str, **given: str) -> None:
        self.source: dict[str, Any] = _plain(cfn_yaml.load(str(INFRA / file)))
        parameters = self.source["Parameters"]
        assert given.keys() <= parameters.keys()
        values = {name: str(given.get(name, it.get("Default", name))) for name, it in parameters.items()}
        lists = {name for name, it in parameters.items() if "List" in it["Type"]}
        self._values = PSEUDO | {name: it.split(",") if name in lists else it for name, it in values.items()}
        self.resources = self._made("Resources")
        self.outputs = self._made("Outputs")

    def defaults(self) -> dict[str, Any]:
        """The parameters that have one."""
        return {name: it["Default"] for name, it in self.source["Parameters"].items() if "Default" in it}

    def properties(self, name: str) -> Any:
        return self.resources[name]["Properties"]

    def of_type(self, kind: str) -> dict[str, Any]:
        return {name: it["Properties"] for name, it in self.resources.items() if it["Type"] == kind}

    def _made(self, section: str) -> dict[str, Any]:
        entries = self.source[section].items()
        return {name: self._resolve(it) for name, it in entries if self._holds(it.get("Condition"))}

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self._resolve(self.source["Conditions"][condition]))

    def _resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [it for it in map(self._resolve, node) if it is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref":
                return self._values.get(argument, argument)
            if name == "Condition" and isinstance(argument, str):
                return self._holds(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self._resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Fn::GetAtt":
            return ".".join(argument)
        if name == "Fn::If":
            condition, yes, no = argument
            return self._resolve(yes if self._holds(condition) else no)
        if name == "Fn::Sub":
            text, names = argument if isinstance(argument, list) else (argument, {})
            names = self._values | self._resolve(names)
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(names.get(found[1], found[1])), text)
        argument = self._resolve(argument)
        calls: dict[str, Callable[[], Any]] = {
            "Fn::Equals": lambda: argument[0] == argument[1],
            "Fn::Not": lambda: not argument[0],
            "Fn::And": lambda: all(argument),
            "Fn::Or": lambda: any(argument),
            "Fn::Join": lambda: argument[0].join(argument[1]),
            "Fn::Select": lambda: argument[1][int(argument[0])],
            "Fn::Split": lambda: argument[1].split(argument[0]),
            "Fn::ImportValue": lambda: f"import:{argument}",
        }
        return calls[name]()


def service(**parameters: str) -> Template:
    """service.yaml with what has no default, and a revision."""
    given = {
        "StorageStack": "storage",
        "Revision": "abc",
        "CallbackUrl": "https://backend.example/callback",
        "CallbackSecretArn": SECRET,
        "VpcId": "vpc-1",
        "SubnetIds": "subnet-1,subnet-2",
    }
    return Template("service.yaml", **{**given, **parameters})


def refused(template: Template, policy: str) -> dict[str, Any]:
    """The statement that everybody is refused by."""
    document = template.properties(policy)["PolicyDocument"]
    assert document["Version"] == "2012-10-17"
    (statement,) = [it for it in document["Statement"] if it["Effect"] == "Deny"]
    assert statement["Principal"] == "*"
    return dict(statement)


def statements(role: Any) -> list[dict[str, Any]]:
    """The statements of a role's one policy, all of which allow."""
    (policy,) = role["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    assert policy["PolicyDocument"]["Version"] == "2012-10-17"
    assert all(statement["Effect"] == "Allow" for statement in found)
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(role: Any) -> set[str]:
    return {action for statement in statements(role) for action in listed(statement["Action"])}


def resources_of(role: Any, action: str) -> list[str]:
    return [
        resource
        for statement in statements(role)
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def _plain(node: Any) -> Any:
    """The template in Python's own types."""
    if isinstance(node, dict):
        return {str(name): _plain(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node
