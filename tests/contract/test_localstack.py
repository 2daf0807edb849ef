from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from devstack.localstack import localstack
from tests.contract.aws import Bucket


@pytest.mark.localstack
def test_localstack_keeps_to_its_scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    (home / ".localstack").mkdir(parents=True)
    (home / ".localstack" / "default.env").write_text(f"CUSTOM_SSL_CERT_PATH={home}/server.test.pem")
    monkeypatch.setenv("HOME", str(home))
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with localstack() as url:
        bucket = Bucket(url)
        assert list(scratch.rglob("var/lib/localstack/cache/server.test.pem"))
        assert list(scratch.rglob(f"s3/{bucket.name}"))
        assert list(scratch.rglob("plux/*.entry_points.txt"))
    assert not list(scratch.iterdir())
