"""The check of the manifest's SHA-256 against an object's bytes."""

from __future__ import annotations

import hashlib

from domain.errors import Code, Permanent
from domain.model import Source
from domain.run import Run


def check_sha256(run: Run, source: Source) -> None:
    """Read the whole object and compare its digest, if the bucket holds no digest that validation could compare.

    Raises:
        Permanent: VALIDATION_ERROR, where it is another one.
    """
    if source.sha256 is None:
        return
    digest = hashlib.sha256()
    for chunk in run.ports.objects.read(source.raw.key, source.etag):
        run.attempt.checkpoint()
        digest.update(chunk)
    if digest.digest() != source.sha256:
        raise Permanent("the object's SHA-256 isn't the manifest's", Code.VALIDATION_ERROR)
