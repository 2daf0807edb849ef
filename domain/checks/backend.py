"""The backend, which the callbacks go to."""

from __future__ import annotations

from domain.checks.finding import Finding

CONNECTION, CALLBACK = "backend: connection", "backend: callback"
_REFUSED = frozenset({401, 403})
_UNKNOWN = 404
_REDIRECT, _BAD, _SERVER_ERROR = range(300, 400), range(400, 500), range(500, 600)


def judge_connection(host: str, tls: bool, loopback: bool) -> Finding:
    """It can be reached; whether by TLS."""
    if tls:
        return Finding(CONNECTION, True, f"{host} answers, and its certificate is good")
    if loopback:
        return Finding(CONNECTION, True, f"{host} answers, on this machine")
    return Finding(
        CONNECTION,
        False,
        f"{host} answers, without TLS",
        "everybody on the way can read the callbacks",
        "set CALLBACK_URL to an https:// address",
    )


def unreachable(why: str, advice: str) -> Finding:
    return Finding(
        CONNECTION, False, why, "no job can end: each waits for the backend, and nothing is received", advice
    )


def judge_callback(spoiled: int, signed: int) -> Finding:
    """The HTTP statuses of two callbacks for a job that doesn't exist; the first had a spoiled signature."""
    seen = f"{spoiled} to a spoiled signature, {signed} to a good one, for a job that doesn't exist"
    if 200 <= spoiled < 300:
        return Finding(
            CALLBACK, False, seen, "the backend doesn't check signatures: anybody can tell it anything",
            "have it verify the callback before anything else: docs/backend.md, section 3",
        )  # fmt: skip
    if spoiled in _REFUSED and signed == _UNKNOWN:
        return Finding(CALLBACK, True, f"{seen}: secret and path are right")
    if spoiled in _REFUSED and 200 <= signed < 300:
        return Finding(
            CALLBACK, True, f"{seen}: secret and path are right",
            "a callback that comes before the backend's commit is acknowledged, and lost",
            "have it answer 404 to a job that it doesn't know: docs/backend.md, section 3",
        )  # fmt: skip
    return Finding(CALLBACK, False, seen, *_what_is_wrong(spoiled, signed))


def _what_is_wrong(spoiled: int, signed: int) -> tuple[str, str]:
    """What it means, and what to do."""
    if spoiled in _REFUSED and signed in _REFUSED:
        return (
            "the backend has another secret, or its clock or ours is wrong: it refuses every callback",
            "give both sides the same CALLBACK_SECRET; see the finding about the clock",
        )
    if spoiled == signed == _UNKNOWN:
        return (
            "this proves nothing: the path may be wrong, or the backend looks for the job before the signature",
            "look at CALLBACK_URL's path; have the backend verify the signature first",
        )
    if signed in _REDIRECT:
        return "redirects aren't followed: no callback arrives", "set CALLBACK_URL to where the redirect leads"
    if signed in _SERVER_ERROR:
        return "the backend fails; such answers are taken for an outage of its own", "look at the backend's log"
    if signed in _BAD and spoiled in {signed, *_REFUSED}:
        return (
            "no callback arrives: path, method or body isn't taken",
            "look at CALLBACK_URL and the backend's log",
        )
    return "the backend tells a good signature from a spoiled one otherwise than expected", "look at its log"
