"""A shell completes the names of jobs and bots from the running engine."""

import pytest


@pytest.mark.slow
def test_jobs_bots_and_what_they_serve_are_offered(place):
    (place.folder / "ask.ee.yaml").write_text(
        "ee: 1\nname: ask\nstart: a\nnodes:\n  a: {activity: nobody.serves, bot: {}, next: done}\n"
        "  done: {end: succeeded}\n"
    )
    (place.folder / "quick.ee.yaml").write_text(
        "ee: 1\nname: quick\nstart: done\nnodes:\n  done: {end: succeeded}\n"
    )
    place.up("--bots", "1")
    asking = place.run("job", "submit", "ask.ee.yaml").strip()
    done = place.run("job", "submit", "quick.ee.yaml", "--owner", "ada").strip()
    place.run("job", "watch", done)
    place.wait_until("it asks", lambda: place.ask("status")["incidents"])
    (bot,) = [row for row in place.ask("bot", "list") if row["kind"] == "bot"]

    assert set(complete(place, "eectl job show ")) == {asking, done}
    assert complete(place, f"eectl job history {asking}") == [asking]
    assert complete(place, "eectl job watch ") == complete(place, "eectl job cancel ") == [asking]
    assert complete(place, "eectl job resolve ") == [asking]
    (incident,) = place.ask("job", "show", asking)["incidents"]
    assert complete(place, f"eectl job resolve {asking} ") == [incident["incident"]]
    assert complete(place, f"eectl job resolve {asking} {incident['incident']} ") == incident["choices"]
    assert complete(place, "eectl job list --workflow ") == ["ask", "quick"]
    assert complete(place, "eectl job list --owner ") == ["ada"]
    assert complete(place, "eectl bot check ") == [bot["bot"]]
    assert complete(place, "eectl bot release ") == []
    assert complete(place, f"eectl bot check {bot['bot']} --activity ") == sorted(bot["activities"])
    assert complete(place, "eectl job show --namespace elsewhere ") == []


def complete(place, words):
    """Return what a shell is offered for the last word."""
    count = len(words.split()) - (not words.endswith(" "))
    asked = {"_EECTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    place.environ.update(asked)
    try:
        return [line.partition(",")[2] for line in place.run().splitlines() if line]
    finally:
        for name in asked:
            del place.environ[name]
