"""The bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.checks.finding import Finding


@dataclass(frozen=True, slots=True)
class ExpiryFacts:
    """A lifecycle rule's expiration: after so many days, of the objects with this tag. It is `enabled` or not."""

    tags: Sequence[tuple[str, str]]
    prefix: str
    days: int
    enabled: bool

    def covers(self, tag: tuple[str, str]) -> bool:
        """Whether it lets every object with this tag expire."""
        return self.enabled and not self.prefix and all(wanted == tag for wanted in self.tags)


def judge_versioning(enabled: bool) -> Finding:
    name = "bucket: versioning"
    if enabled:
        return Finding(name, True, "on")
    return Finding(
        name, False, "off", "an upload that is overwritten or deleted is gone", "turn on the bucket's versioning"
    )


def judge_encryption(algorithm: str | None) -> Finding:
    name = "bucket: encryption"
    if algorithm:
        return Finding(name, True, algorithm)
    return Finding(name, False, "none", "uploads lie in clear text", "set a default encryption: aws:kms or AES256")


def judge_expiry(rules: Sequence[ExpiryFacts], tag: tuple[str, str]) -> Finding:
    """Whether what has the tag expires."""
    name = "bucket: lifecycle of work"
    days = [rule.days for rule in rules if rule.covers(tag)]
    if days:
        return Finding(name, True, f"{'='.join(tag)} expires after {min(days)} days")
    return Finding(
        name,
        False,
        f"no rule lets {'='.join(tag)} expire",
        "journals, claims and captured frames stay for ever",
        f"add a rule with the tag {'='.join(tag)} that expires after 30 days, as in infra/storage-and-queues.yaml",
    )


def judge_round_trip(key: str, put: bytes, got: bytes, tagged: bool) -> Iterator[Finding]:
    """What was put under `work/`, and what came back."""
    if got == put:
        yield Finding("bucket: write and read", True, f"{key} was put and came back the same")
    else:
        yield Finding(
            "bucket: write and read",
            False,
            f"{key} came back with {len(got)} other bytes",
            "what the worker stores isn't what it reads",
            "look at what stands between the worker and S3",
        )
    if tagged:
        yield Finding("bucket: tags", True, "its tag came back, and was put again")
    else:
        yield Finding(
            "bucket: tags",
            False,
            "its tag didn't come back",
            "lifecycle rules go by tags: nothing would be archived or expire",
            "look at what stands between the worker and S3",
        )
