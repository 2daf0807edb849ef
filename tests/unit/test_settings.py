from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from domain.bundles import Bundles, Contents
from domain.kinds import Kind
from worker.settings import BadSettings, Settings, load_settings, misspelt, usable_cpus

SECRET = "0123456789abcdef"
REQUIRED = {
    "QUEUE_URL": "http://localhost:4566/000000000000/q",
    "MEDIA_BUCKET": "media",
    "CALLBACK_URL": "https://backend.example/callback",
    "CALLBACK_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def _only_these(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process environment and a working directory with nothing in them but the required settings."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "HTTP_PORT",
        "WORKER_CONCURRENCY",
        "LOG_LEVEL",
        "ZIP_KEY_TEMPLATE",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings(Settings)
    assert settings.callback_provider == "STEP_FUNCTIONS"
    assert settings.zip_key_template == "{listing_id}/processed/zip/{listing_id}.zip"
    assert settings.worker_concurrency == 8
    assert settings.visibility_timeout == 60
    assert settings.shutdown_grace == 100
    assert settings.job_timeout == 3600
    assert settings.http_port == 8080
    assert (settings.log_level, settings.log_format) == ("INFO", "json")
    assert settings.image_processes >= 1
    assert settings.mediaconvert_role_arn is None
    assert settings.max_photo_bytes == 200 * 1024 * 1024
    assert settings.photo_buffer == 256 * 1024 * 1024
    assert settings.max_document_bytes == 512 * 1024 * 1024
    assert settings.max_photo_pixels == 100_000_000


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(BadSettings) as bad:
        load_settings(Settings)
    assert str(bad.value) == f"{name}: is required"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALLBACK_SECRET", "too-short"),
        ("CALLBACK_URL", "ftp://backend.example"),
        ("CALLBACK_URL", "backend"),
        ("CALLBACK_PARTIAL_AS", "FAILED"),
        ("CALLBACK_MAX_BYTES", "16383"),
        ("WORKER_CONCURRENCY", "0"),
        ("WORKER_CONCURRENCY", "many"),
        ("VISIBILITY_TIMEOUT", "43201"),
        ("SHUTDOWN_GRACE", "-1"),
        ("HTTP_PORT", "65536"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("METRICS", "prometheus"),
        ("ZIP_KEY_TEMPLATE", "bundles/all.zip"),
        ("BUNDLE_CONTENTS", "everything"),
        ("JOB_TIMEOUT", "0"),
        ("PHOTO_BUFFER", "209715199"),
        ("IMAGE_TIMEOUT", "121"),
        ("MEDIACONVERT_ROLE_ARN", "media-convert"),
        ("MEDIACONVERT_ROLE_ARN", "arn:aws:mediaconvert:us-east-1:000000000000:queues/Default"),
        ("VIDEO_TONE_MAPPING", "sometimes"),
        ("MEDIACONVERT_QUEUE_ARN", "arn:aws:iam::000000000000:role/media-convert"),
    ],
)
def test_an_impossible_setting_is_named_in_one_line_and_its_value_is_not(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as bad:
        load_settings(Settings)
    assert str(bad.value).startswith(f"{name}: ")
    assert "\n" not in str(bad.value)
    if name == "CALLBACK_SECRET":
        assert value not in str(bad.value)


def test_the_buffer_has_room_for_the_largest_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_PHOTO_BYTES", str(300 * 1024 * 1024))
    with pytest.raises(BadSettings, match=r"^PHOTO_BUFFER: must be at least MAX_PHOTO_BYTES"):
        load_settings(Settings)
    monkeypatch.setenv("PHOTO_BUFFER", str(300 * 1024 * 1024))
    assert load_settings(Settings).photo_buffer == 300 * 1024 * 1024


def test_every_bad_setting_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUEUE_URL")
    monkeypatch.setenv("HTTP_PORT", "x")
    with pytest.raises(BadSettings) as bad:
        load_settings(Settings)
    assert [line.partition(":")[0] for line in str(bad.value).splitlines()] == ["QUEUE_URL", "HTTP_PORT"]


def test_a_dotenv_file_fills_in_what_the_environment_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_BUCKET", "from-the-environment")
    monkeypatch.setenv("AWS_REGION", "")  # so that it is put back after the test
    monkeypatch.delenv("AWS_REGION")
    (tmp_path / ".env").write_text("MEDIA_BUCKET=from-the-file\nAWS_REGION=sa-east-1\n")
    settings = load_settings(Settings)
    assert settings.media_bucket == "from-the-environment"
    assert settings.aws_region == "sa-east-1"


@pytest.mark.parametrize(
    "template",
    [
        "{listing_id}/processed/zip/{listing_id}.zip",
        "{listing_id}/processed/zip/{job_id}.zip",
        "{listing_id}/processed/zip/{batch_id}.zip",
    ],
)
def test_originals_need_a_key_that_no_processing_job_writes_to(
    template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIP_KEY_TEMPLATE", template)
    assert load_settings(Settings).bundles == Bundles(template, Contents.PROCESSED)
    monkeypatch.setenv("BUNDLE_CONTENTS", "originals")
    with pytest.raises(
        BadSettings, match=r"^BUNDLE_CONTENTS: originals need a ZIP_KEY_TEMPLATE of their own"
    ) as bad:
        load_settings(Settings)
    assert "\n" not in str(bad.value)


def test_a_bad_template_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIP_KEY_TEMPLATE", "all.zip")
    monkeypatch.setenv("BUNDLE_CONTENTS", "originals")
    with pytest.raises(BadSettings, match=r"^ZIP_KEY_TEMPLATE: ") as bad:
        load_settings(Settings)
    assert "\n" not in str(bad.value)


def profile(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings with a profile; each of its lines is a setting."""
    lines = dotenv_values(Path(__file__).parents[2] / "infra" / "profiles" / f"{name}.env")
    for variable, value in lines.items():
        assert variable.lower() in Settings.model_fields
        assert value
        monkeypatch.setenv(variable, value)
    return load_settings(Settings)


def test_the_profile_of_the_first_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = profile("first", monkeypatch)
    assert (settings.callback_partial_as, settings.callback_max_bytes) == ("SUCCEEDED", 65535)
    assert settings.bundles == Bundles()


def test_the_profile_of_the_newest_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = profile("newest", monkeypatch)
    assert settings.bundles == Bundles("{listing_id}/processed/zip/listing-media.zip", Contents.ORIGINALS)


def test_every_kind_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, kind in enumerate(Kind, start=1):
        monkeypatch.setenv(f"MAX_{kind.name}_BYTES", str(number))
    assert load_settings(Settings).limits == {kind: number for number, kind in enumerate(Kind, start=1)}


def test_without_affinity_or_control_groups_all_cpus_are_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 10)

    def no_such_file(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_such_file)
    assert usable_cpus() == 10


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(load_settings(Settings))


def test_the_page_of_the_contract_names_every_setting_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "contract.md").read_text()
    rows = re.findall(r"^\| ((?:`[A-Z_0-9]+` ?)+) \| (.*?) \|", page, re.MULTILINE)
    documented = {name: default.strip("`") for names, default in rows for name in re.findall("[A-Z_0-9]+", names)}
    for field, info in Settings.model_fields.items():
        expected = "required" if info.is_required() else str(info.default).lower()
        if info.default_factory is not None:
            expected = "the cpus this process may use"
        assert documented.get(field.upper(), "").lower() == expected, field


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [("LOG_LEVEL", "info", "INFO"), ("LOG_LEVEL", "Warning", "WARNING"), ("LOG_FORMAT", "JSON", "json"),
     ("LOG_FORMAT", "Console", "console"), ("METRICS", "EMF", "emf")],
)  # fmt: skip
def test_case_does_not_matter_for_log_and_metrics(
    name: str, value: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(load_settings(Settings), name.lower()) == read


@pytest.mark.parametrize(("secret", "wrong"), [("x" * 15, True), ("x" * 16, False), ("ä" * 15, True)])
def test_a_secret_that_is_too_short_is_told_by_its_length(
    secret: str, wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", secret)
    if not wrong:
        assert load_settings(Settings).callback_secret.get_secret_value() == secret
        return
    with pytest.raises(BadSettings) as bad:
        load_settings(Settings)
    assert str(bad.value) == "CALLBACK_SECRET: must have at least 16 characters"


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("WORKER_CONCURENCY", "WORKER_CONCURRENCY"), ("worker_concurency", "WORKER_CONCURRENCY"),
     ("METRISC", "METRICS"), ("LOG_LEVAL", "LOG_LEVEL"), ("QUEUE_URI", "QUEUE_URL"),
     ("CALLBACK-SECRET", "CALLBACK_SECRET"), ("VISIBILTY_TIMEOUT", "VISIBILITY_TIMEOUT")],
)  # fmt: skip
def test_a_misspelt_setting_is_found(variable: str, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    assert misspelt() == {variable.upper(): setting}


@pytest.mark.parametrize(
    "variable",
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_MEDIACONVERT", "AWS_DEFAULT_REGION", "HTTP_PROXY", "HTTPS_PROXY",
     "CALLBACK_SECRET_ARN", "MEDIA_WORKER_VERSION", "LOG_LEVEL", "log_level", "HOSTNAME", "ECS_AGENT_URI"],
)  # fmt: skip
def test_what_is_a_setting_or_somebody_elses_is_not_misspelt(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "INFO")
    assert misspelt() == {}


def test_a_missing_setting_names_the_variable_that_may_have_been_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEU_URL", REQUIRED["QUEUE_URL"])
    monkeypatch.delenv("QUEUE_URL")
    with pytest.raises(BadSettings) as bad:
        load_settings(Settings)
    assert bad.value.wrong == {"QUEUE_URL": "is required; there is QUEU_URL: did you mean QUEUE_URL?"}
