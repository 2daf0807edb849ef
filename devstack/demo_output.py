"""The demo's output folder: whose it is, what goes into it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devstack.exhibits import Exhibit, exhibits

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESULTS = "callback.json"


class OutputError(Exception):
    """The folder can't be used; the message is for whoever started the demo."""


@contextmanager
def emptied(output: Path, media: Path | None) -> Iterator[None]:
    """The output folder is there, empty and this demo's own while the block lasts.

    Raises:
        OutputError: another demo writes to it, `media` lies in it, or something else does that no demo wrote.
    """
    if media and media.resolve().is_relative_to(output.resolve()):
        raise OutputError(f"{media} lies in {output}, which is emptied first: move it elsewhere")
    try:
        output.mkdir(parents=True, exist_ok=True)
        folder = os.open(output, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{output} is no folder that can be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"another demo writes to {output}: wait for it, or give this one a folder of its own, OUTPUT=…"
            ) from None
        _empty(output)
        yield
    finally:
        os.close(folder)


def _empty(output: Path) -> None:
    """Delete what is in the folder, and not the folder, which is locked."""
    left = list(output.iterdir())
    if left and not (output / RESULTS).exists():
        raise OutputError(f"{output} is not empty, and not the output of an earlier demo")
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def collect(
    s3: S3Client,
    bucket: str,
    callback: Mapping[str, Any],
    finalization: Mapping[str, Any] | None,
    output: Path,
) -> list[Exhibit]:
    """Write the objects, the callbacks and the bundles to the output folder, and see what they are."""
    (output / RESULTS).touch()  # from here on it is a demo's, even if it is interrupted
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            target = output / "bucket" / found["Key"]
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, found["Key"], str(target))
    _save(callback, RESULTS, "bundle", output)
    if finalization:
        _save(finalization, "finalization.json", "finalized", output)
    return exhibits(callback, output)


def _save(payload: Mapping[str, Any], name: str, folder: str, output: Path) -> None:
    """A callback, its bundle, and the bundle unpacked."""
    (output / name).write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")
    for key in payload["zipBundles"]:
        bundle = shutil.copyfile(output / "bucket" / key, output / Path(key).name)
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(output / folder)
