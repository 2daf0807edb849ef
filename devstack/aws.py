"""How everything here reaches an emulator: fixed credentials, so that no real account is ever touched."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
ACCESS_KEY = "test"


def session() -> boto3.Session:
    """A boto3 session that no real account accepts; its clients still need an `endpoint_url`.

    It goes past any proxy: the emulators are near.
    """
    core = botocore.session.get_session()
    core.set_default_client_config(Config(proxies={}))
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION, botocore_session=core
    )


def variables(endpoint: str) -> dict[str, str]:
    """The environment variables that point a child process at the emulator behind `endpoint`."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
    }
