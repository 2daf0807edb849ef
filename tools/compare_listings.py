"""Compares what two pipelines made of the same listings, by keys, formats and pixel sizes.

`python -m tools.compare_listings OLD_BUCKET NEW_BUCKET 28 29` prints a line for each difference. Exit status:
0 where there is none, 1 where there are some, 2 where a listing has nothing to compare or a bucket can't be read.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from domain.content import HEAD_BYTES, sniff
from domain.kinds import Kind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 8

Contents = Mapping[str, str]
"""What each object is, such as "JPEG 1200×800", by key."""


def contents(client: S3Client, bucket: str, listing: int) -> Contents:
    """What is processed of a listing, as the bytes say."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{listing}/processed/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(keys, pool.map(lambda key: describe(client, bucket, key), keys), strict=True))


def describe(client: S3Client, bucket: str, key: str) -> str:
    """An object's format and, of a picture, its width and height in pixels. Only pictures are read whole."""
    with client.get_object(Bucket=bucket, Key=key)["Body"] as body:
        head = body.read(HEAD_BYTES)
        file_format = sniff(head)
        if file_format is None:
            return "another format"
        if file_format.kind is not Kind.PHOTO:
            return file_format.name
        data = head + body.read()
    try:
        with Image.open(io.BytesIO(data)) as image:
            return f"{file_format.name} {image.width}×{image.height}"
    except Exception:  # a damaged file can make a decoder raise almost anything
        return f"{file_format.name}, damaged"


def differences(old: Contents, new: Contents) -> list[str]:
    """A line for each key that only one side has, or that isn't the same on both."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            lines.append(f"only old  {key}  {old[key]}")
        elif key not in old:
            lines.append(f"only new  {key}  {new[key]}")
        elif old[key] != new[key]:
            lines.append(f"differs   {key}  {old[key]} → {new[key]}")
    return lines


def compare(client: S3Client, buckets: tuple[str, str], listings: Sequence[int]) -> int:
    """Print the differences of all listings; returns the exit status."""
    compared = different = 0
    for listing in listings:
        old, new = (contents(client, bucket, listing) for bucket in buckets)
        if not old and not new:
            print(f"{listing}: neither bucket has anything processed", file=sys.stderr)
            return 2
        lines = differences(old, new)
        print(*lines, sep="\n", end="\n" if lines else "")
        compared += len(old.keys() | new.keys())
        different += len(lines)
    print(f"{different} of {compared} keys differ")
    return 1 if different else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.compare_listings", description=__doc__)
    parser.add_argument("old", help="the bucket that the old pipeline writes to")
    parser.add_argument("new", help="the bucket that the worker writes to")
    parser.add_argument("listings", nargs="+", type=int, help="listings that both have processed")
    arguments = parser.parse_args()
    try:
        sys.exit(compare(boto3.client("s3"), (arguments.old, arguments.new), arguments.listings))
    except (BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
