"""The page of codes with which an attempt can fail; what `eectl explain` says of each."""

from __future__ import annotations

from source import markdown, page

from ee_core.cli.explanations import explanations


def make() -> str:
    """Return the page."""
    parts = []
    for known in explanations("failures").values():
        parts += [
            f"## {known.code}",
            f"From {markdown(known.by)}. {markdown(known.why)}",
            f"**What to do.** {markdown(known.mend)}",
        ]
    return page(
        "Failures",
        "The codes with which an attempt or a node fails: a workflow reads them as `nodes.<id>.error.code`, `retry.on` names"
        " them, and `eectl job show` and `eectl job watch` put them before the text of an error. A function of your own may"
        " give any other. A word in capitals stands for what differs: `http_503` is `http_STATUS`. `eectl explain CODE` says"
        " the same. The codes of commands are [another list](errors.md).",
        *parts,
    )
