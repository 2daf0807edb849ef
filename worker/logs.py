"""The log: one line an event, as JSON or for a console."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import TextIO

import structlog

from domain.errors import Interrupted, MediaError, excerpt
from domain.model import Job
from domain.queue import Message


def naming(message: Message, job: Job | None = None) -> AbstractContextManager[None]:
    """Have each log line of the block name the message, and the job once it is known."""
    names: dict[str, object] = {"message_id": message.message_id, "receive_count": message.receive_count}
    if job:
        trace_id = job.traceparent.split("-")[1] if job.traceparent else None
        names |= {"job_id": job.job_id, "listing_id": job.listing_id, "trace_id": trace_id}
        if job.message_id != message.message_id:
            names["original_message_id"] = job.message_id
    return structlog.contextvars.bound_contextvars(**names)


def reason(error: Exception) -> dict[str, object]:
    """What a line says of an error: its message; and its traceback, where nobody expected it."""
    said: dict[str, object] = {"why": excerpt(str(error)) or type(error).__name__}
    expected = isinstance(error, MediaError | Interrupted | TimeoutError)
    return said if expected else {**said, "exc_info": error}


def _in_order(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    first = ("timestamp", "level", "event")
    return {name: line[name] for name in first} | {name: line[name] for name in line if name not in first}


def _escape(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keys and messages come from outside: none may colour or forge a line. A traceback keeps its lines."""
    return {
        name: _escaped(value, kept="\n" if name == "exception" else "") if isinstance(value, str) else value
        for name, value in line.items()
    }


def _escaped(text: str, kept: str) -> str:
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in text
    )


def configure(level: str, form: str, stream: TextIO) -> None:
    """Send structlog's lines and those of the libraries to the stream, in one form; a terminal gets colours."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderers: list[structlog.typing.Processor] = (
        [
            _escape,
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
        if form == "console"
        else [_in_order, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # boto3 logs requests at DEBUG, bodies and signatures among them
    for chatty in ("botocore", "boto3", "urllib3", "PIL"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.captureWarnings(True)
