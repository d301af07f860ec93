"""`eectl up --detach`, `status` and `down`: a site without a terminal."""

import pytest


@pytest.mark.slow
def test_a_site_comes_up_shows_itself_and_goes_down(place, examples):
    place.run("up", "--detach", "--port", "-1")
    try:
        page = place.ask("status")
        place.environ["EE_BROKER_SERVERS"] = page["up"]["url"]
        assert [row["state"] for row in page["bots"]] == ["Free"]

        place.run("up", "--port", "-1", code=3)  # the first one has the folder
        job = place.run("job", "submit", str(examples / "hello.ee.yaml")).strip()
        place.run("job", "watch", job)
        shown = place.run("status")
    finally:
        place.run("down")

    assert "nothing waits for a person" in shown
    place.run("down")  # nothing runs: no error
    place.run("status", code=8)  # the server is gone too


@pytest.mark.slow
def test_what_cannot_come_up_says_why(place):
    port = place.up().text.partition("nats://127.0.0.1:")[2].split(",")[0]

    done = place.run("up", "--detach", "--data", "other", "--port", port, code=None)

    assert done == ""
    log = (place.folder / "other" / "up.log").read_text()
    assert "does not listen" in log
    assert port in log or "address already in use" in log


@pytest.mark.slow
def test_status_names_what_waits_for_a_person_and_the_answer(place):
    (place.folder / "ask.ee.yaml").write_text(
        "ee: 1\nname: ask\nstart: a\nnodes:\n  a: {activity: nobody.serves, bot: {}, next: done}\n"
        "  done: {end: succeeded}\n"
    )
    place.up("--bots", "0")
    job = place.run("job", "submit", "ask.ee.yaml").strip()
    place.wait_until("it asks", lambda: place.ask("status")["incidents"])

    shown = place.run("status")

    assert f"job {job} asks a person" in shown
    assert f"eectl job resolve {job} i1" in shown
