"""The bucket."""

from __future__ import annotations

from collections.abc import Iterator

from domain.checks.finding import Finding


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
