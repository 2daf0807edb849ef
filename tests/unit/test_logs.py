from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from domain.errors import LeaseLost, MediaError, Permanent, Transient
from worker import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.configure(**config)


def said(form: str, stream: io.StringIO) -> str:
    """What is written of one event, once all is configured."""
    logs.configure("INFO", form, stream)
    with structlog.contextvars.bound_contextvars(job_id=21):
        structlog.get_logger().warning("it is so", why="because", a_key=1)
    return stream.getvalue()


def test_timestamp_level_and_event_come_first() -> None:
    line = json.loads(said("json", io.StringIO()))
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["level"], line["event"]) == ("warning", "it is so")
    assert {name: line[name] for name in list(line)[3:]} == {"why": "because", "a_key": 1, "job_id": 21}


def test_so_they_do_in_the_lines_of_libraries() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", stream)
    logging.getLogger("urllib3").warning("a library says so")
    assert list(json.loads(stream.getvalue()))[:3] == ["timestamp", "level", "event"]


def test_only_a_terminal_gets_colours() -> None:
    assert "\x1b[" in said("console", Terminal())
    assert "\x1b" not in said("console", io.StringIO())
    assert "\x1b" not in said("json", Terminal())


def raised(error: Exception) -> Exception:
    """The error as it is caught, with what it came of."""
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as cause:
            raise error from cause
    except Exception as caught:
        return caught


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "error", [Transient("no answer"), Permanent("no answer"), MediaError("no answer"), LeaseLost("no answer")]
)
def test_an_expected_error_is_one_line(form: str, error: Exception) -> None:
    stream = io.StringIO()
    logs.configure("INFO", form, stream)
    structlog.get_logger().error("it failed", **logs.reason(raised(error)))
    assert "no answer" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
    assert "Traceback" not in stream.getvalue()


def test_a_time_out_without_words_is_named() -> None:
    assert logs.reason(TimeoutError()) == {"why": "TimeoutError"}


def test_a_bug_keeps_its_traceback() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", stream)
    structlog.get_logger().error("it failed", **logs.reason(raised(ZeroDivisionError("oh"))))
    line = json.loads(stream.getvalue())
    assert line["why"] == "oh"
    assert "Traceback" in line["exception"]
    assert "ConnectionRefusedError" in line["exception"]
