"""A page for each code: of diagnostics, errors and kinds of incidents; what `eectl explain` says, with the example carried out."""

from __future__ import annotations

from page_errors import list_errors
from source import markdown, page, parse_docstring

from ee_core.cli.exits import exit_of
from ee_core.cli.explanations import Explanation, diagnose, explanations, sentences


def make_all() -> dict[str, str]:
    """Return the pages by their names in the folder of references."""
    texts: dict[str, tuple[str, str]] = {}
    for kind in list_errors():
        known = explanations("errors")[kind.code]
        if kind.code not in texts:  # the first class of a code is the general one
            summary = parse_docstring(kind.__doc__).summary
            texts[kind.code] = (
                known.code,
                _body(known, f"{summary} Exit code {int(exit_of(kind.__new__(kind)))}."),
            )
    for name, known in explanations("incidents").items():
        texts[f"incident-{name.lower()}"] = (
            f"Incident {name}",
            _body(known, "A job asks a person, and waits."),
        )
    for found in sentences().values():
        for one in found:
            known = explanations("diagnostics")[one.code]
            meaning = f"{one.severity.capitalize()}: {one.meaning}."
            texts[one.code.lower()] = (one.code, _body(known, meaning))
    return {f"codes/{name}.md": page(title, *body) for name, (title, body) in texts.items()}


def _body(known: Explanation, meaning: str) -> list[str]:
    parts = [markdown(meaning), markdown(known.why)]
    if known.wrong:
        said = diagnose(known.wrong)
        shown = known.wrong.rstrip("\n")
        parts += [f"```text\n{shown}\n```", "is answered with", f"```text\n{said}\n```"]
    return [*parts, "**What to do.** " + markdown(known.mend)]
