"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import MediaError, Transient


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. What isn't `good` means something, and says what to do."""

    name: str
    good: bool
    seen: str
    means: str = ""
    advice: str = ""


class Refused(Transient):
    """AWS refuses for want of a right: `right` on `resource`, which `setting` may name by mistake."""

    def __init__(self, right: str, resource: str, setting: str = "") -> None:
        super().__init__(f"{right} on {resource} is refused")
        self.right = right
        self.resource = resource
        self.setting = setting


class Missing(Transient):
    """What a setting names isn't there."""

    def __init__(self, resource: str, setting: str) -> None:
        super().__init__(f"{resource} isn't there")
        self.setting = setting


def unseen(name: str, error: MediaError) -> Finding:
    """What couldn't be looked at."""
    match error:
        case Refused():
            means = "who runs this may not see or do it; if that is the worker, and a job needs it, jobs fail"
            advice = f"allow {error.right} on {error.resource}"
            if error.setting:
                advice += f", or mend {error.setting} if it names the wrong one"
            return Finding(name, False, str(error), means, advice)
        case Missing():
            return Finding(name, False, str(error), "no job can be done", f"make it, or mend {error.setting}")
    return Finding(name, False, str(error), "nothing is known of it", "mend what is named, and check again")
