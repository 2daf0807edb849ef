"""Every setting, once. The only reader of the environment."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from dotenv import load_dotenv
from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.bundles import DEFAULT_TEMPLATE, Bundles, Contents
from domain.keys import check_bundle_template
from domain.kinds import Kind

LONGEST_LEASE = 12 * 3600
"""Seconds: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""

SMALLEST_CALLBACK = 16 * 1024
"""The least CALLBACK_MAX_BYTES: a failure without its outputs always fits."""

SHORTEST_SECRET = 16
"""Characters."""

ALIKE = 0.85
"""How much of two names must be the same to take one for the other, misspelt; see difflib."""

MIB = 1024 * 1024

LONGEST_IMAGE_TIMEOUT = 120
"""Seconds: a job whose image takes longer would be taken for stuck."""
SMALLEST_IMAGE_MEMORY = 256 * MIB
"""The least IMAGE_MEMORY: Python, the image libraries and a photo of 12 MP fit in."""


def usable_cpus() -> int:
    """The CPUs that this process may use. On Linux: its affinity, and no more than its control group's quota."""
    allowed = os.cpu_count() or 1
    if sys.platform == "linux":
        allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or no quota ("max")
        return allowed


def _an_arn_of(service: str, resource: str) -> Callable[[str | None], str | None]:
    def check(value: str | None) -> str | None:
        if value and not (value.startswith("arn:") and service in value and resource in value):
            raise ValueError(f"must be an ARN such as arn:aws{service}…{resource}…")
        return value

    return check


def _under_a_key_of_their_own(contents: Contents, info: ValidationInfo) -> Contents:
    template = info.data.get("zip_key_template")  # not there if it is bad itself
    if template and Bundles(template, contents).mix():
        raise ValueError(
            "originals need a ZIP_KEY_TEMPLATE of their own: processing jobs write their bundle to this one"
        )
    return contents


def _enough_for_a_photo(buffer: int, info: ValidationInfo) -> int:
    if buffer < info.data.get("max_photo_bytes", 0):  # not there if it is bad itself
        raise ValueError(
            "must be at least MAX_PHOTO_BYTES: raise it, or lower that; a photo is in memory as a whole"
        )
    return buffer


class _Environment(BaseSettings):
    """Each field's environment variable is its name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters")  # how many it has, tells of it
    return secret


class Signing(_Environment):
    """What a callback is signed with."""

    callback_secret: Annotated[SecretStr, AfterValidator(_long_enough)]


class Logging(_Environment):
    """How the log is written."""

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = "INFO"
    log_format: Annotated[Literal["json", "console"], BeforeValidator(str.lower)] = "json"


class Place(_Environment):
    """Where the jobs are: enough to look at them."""

    queue_url: str
    media_bucket: str
    aws_region: str | None = None
    aws_endpoint_url: str | None = None

    @property
    def queue_name(self) -> str:
        return self.queue_url.rpartition("/")[2]


class Settings(Logging, Signing, Place):  # pydantic has the last one's fields first
    """The contract's section 5."""

    callback_url: HttpUrl
    callback_provider: str = "STEP_FUNCTIONS"
    finalization_provider: str = "STEP_FUNCTIONS_FINALIZATION"
    callback_partial_as: Literal["PARTIAL_SUCCESS", "SUCCEEDED"] = "PARTIAL_SUCCESS"
    callback_max_bytes: Annotated[int | None, Field(ge=SMALLEST_CALLBACK)] = None
    mediaconvert_role_arn: Annotated[str | None, AfterValidator(_an_arn_of(":iam::", ":role/"))] = None
    mediaconvert_queue_arn: Annotated[str | None, AfterValidator(_an_arn_of(":mediaconvert:", ":queues/"))] = None
    video_tone_mapping: bool = True
    zip_key_template: Annotated[str, AfterValidator(check_bundle_template)] = DEFAULT_TEMPLATE
    bundle_contents: Annotated[Contents, AfterValidator(_under_a_key_of_their_own)] = Contents.PROCESSED
    worker_concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    image_processes: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=usable_cpus)
    image_memory: Annotated[int, Field(ge=SMALLEST_IMAGE_MEMORY)] = 1024 * MIB
    image_timeout: Annotated[int, Field(ge=1, le=LONGEST_IMAGE_TIMEOUT)] = 45
    visibility_timeout: Annotated[int, Field(ge=3, le=LONGEST_LEASE)] = 60
    shutdown_grace: Annotated[int, Field(ge=0)] = 100
    job_timeout: Annotated[int, Field(ge=1, le=LONGEST_LEASE - 3600)] = (
        3600  # SQS ends a lease 12 hours after the receive
    )
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    metrics: Annotated[Literal["none", "emf"], BeforeValidator(str.lower)] = "none"
    max_photo_bytes: Annotated[int, Field(ge=1)] = 200 * MIB
    photo_buffer: Annotated[int, AfterValidator(_enough_for_a_photo)] = 256 * MIB
    max_document_bytes: Annotated[int, Field(ge=1, le=5 * 1024 * MIB)] = 512 * MIB
    max_video_bytes: Annotated[int, Field(ge=1)] = 20 * 1024 * MIB
    max_photo_pixels: Annotated[int, Field(ge=1)] = 100_000_000
    ecs_agent_uri: str | None = None

    @property
    def bundles(self) -> Bundles:
        return Bundles(self.zip_key_template, self.bundle_contents)

    @property
    def limits(self) -> Mapping[Kind, int]:
        """The most bytes of an upload of each kind."""
        return {
            Kind.PHOTO: self.max_photo_bytes,
            Kind.DOCUMENT: self.max_document_bytes,
            Kind.VIDEO: self.max_video_bytes,
        }


Form = TypeVar("Form", bound=_Environment)


class BadSettings(Exception):
    """Settings are missing or impossible: what is wrong by the name of the variable, never with its value."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {why}" for name, why in wrong.items()))
        self.wrong = wrong


def load_settings(form: type[Form]) -> Form:
    """Read the environment, and `.env` for what isn't in it.

    Raises:
        BadSettings: one or more are missing or impossible.
    """
    load_dotenv(Path(".env"))
    try:
        return form()
    except ValidationError as error:
        wrong = {".".join(map(str, bad["loc"])).upper(): bad["msg"] for bad in error.errors()}
        raise BadSettings({name: _say(name, message) for name, message in wrong.items()}) from None


def misspelt() -> Mapping[str, str]:
    """The environment's variables that look like a setting and are none, each with the setting's name."""
    names = [field.upper() for field in Settings.model_fields]
    found: dict[str, str] = {}
    for variable in map(str.upper, os.environ):
        # AWS_ENDPOINT_URL_S3 is boto3's, CALLBACK_SECRET_ARN somebody's
        if variable not in names and not any(variable.startswith(f"{name}_") for name in names):
            found.update((variable, meant) for meant in get_close_matches(variable, names, 1, ALIKE))
    return found


def _say(name: str, message: str) -> str:
    if message != "Field required":
        return message.removeprefix("Value error, ")
    others = [variable for variable, meant in misspelt().items() if meant == name]
    return "is required" + "".join(f"; there is {other}: did you mean {name}?" for other in others)
