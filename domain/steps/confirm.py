"""confirm: the uploads are still those that were processed, and are tagged for the archive."""

from __future__ import annotations

from collections.abc import Mapping

from domain import keys
from domain.each import each
from domain.errors import Code, Conflict
from domain.kinds import Kind
from domain.model import Failure, Outcome, Source
from domain.outlast import outlasting
from domain.run import Run


def confirm(run: Run, made: Mapping[Source, Outcome]) -> dict[Source, Outcome]:
    """Look once more at the uploads whose processing succeeded, by one LIST, and tag them.

    An upload that was replaced meanwhile has derivatives of its old bytes: a retry makes them anew.
    """
    done = [source for source, outcome in made.items() if not isinstance(outcome, Failure)]
    if not done:
        return dict(made)

    def listed() -> dict[str, str]:
        entries = run.ports.objects.list(keys.raw_prefix(run.job.listing_id))
        return {entry.key: entry.etag for entry in entries}

    uploads = outlasting(run.outlast, listed)
    # Within a video's hour somebody else, a scanner of malware, say, may have put a tag, which would be lost.
    waited = any(source.type.kind is Kind.VIDEO for source in made)

    def one(source: Source) -> Outcome:
        if uploads.get(source.raw.key) != source.etag:
            why = f"{source.raw.key} was uploaded again, or deleted, while it was processed"
            raise Conflict(why, source.type.kind.code)
        run.ports.objects.mark_processed(source.raw.key, source.version, None if waited else source.tagged)
        return made[source]

    return {**made, **each(done, one, run.ports.transfers, run, Code.PROCESSING_FAILED)}
