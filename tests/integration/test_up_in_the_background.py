"""`eectl up --detach`, `status` and `down`: a site without a terminal."""

import pytest


@pytest.mark.slow
def test_a_site_comes_up_shows_itself_and_goes_down(place, examples):
    place.run("up", "--detach", "--port", "-1")
    try:
        page = place.ask("status")
        place.environ["EE_BROKER_SERVERS"] = page["up"]["url"]
        assert [row["state"] for row in page["bots"]] == ["Free"]

        place.run("up", "--port", "-1", code=10)  # the first one has the folder
        job = place.run("job", "submit", str(examples / "hello.ee.yaml")).strip()
        place.run("job", "watch", job)
        shown = place.run("status")
    finally:
        place.run("down")

    assert "nothing waits for a person" in shown
    assert (
        (place.folder / ".ee/up.log").read_text().endswith("\nstopped; jobs go on at the next `eectl up`\n")
    )
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
        "ee: 1\nname: ask\nstart: a\nnodes:\n  a: {activity: nobody.serves, bot: {}, next: b}\n"
        "  b: {activity: log, with: {text: '${nodes.a.output.n}'}, next: done}\n  done: {end: succeeded}\n"
    )
    place.up("--bots", "0")
    job = place.run("job", "submit", "ask.ee.yaml").strip()
    place.wait_until("it asks", lambda: place.ask("status")["incidents"])

    shown = place.run("status")

    assert f"job {job} asks a person" in shown
    assert f"eectl job resolve {job} i1" in shown
    said = place.told("job", "resolve", job, "i1", "skip", code=0)
    assert "'nodes.a.output' is null from now on, and is read by 'b'" in said
    place.wait_until("b cannot read it", lambda: place.ask("status")["incidents"])
    assert "'nodes.a.output' is null here" in place.run("job", "show", job)


@pytest.mark.slow
def test_commands_in_its_folder_find_the_server_which_keeps_its_port(place):
    place.run("up", "--detach", "--port", "-1")
    first = place.ask("status")["up"]["url"]
    place.run("job", "list")
    place.run("down")

    place.run("up", "--detach")
    try:
        assert place.ask("status")["up"]["url"] == first
        (row,) = place.ask("config", "show", "--origin", "--query", "[?key=='broker.servers']")
        assert row == {"key": "broker.servers", "value": first, "origin": "`eectl up` of .ee"}
    finally:
        place.run("down")


@pytest.mark.slow
def test_a_site_in_another_folder_says_how_it_is_found(place):
    up = place.start("elsewhere", "up", "--detach", "--data", "x y", "--port", "-1")
    assert up.wait() == 0
    try:
        url = place.ask("status", "--data", "x y")["up"]["url"]

        assert f"other commands find it by --server {url}\n" in up.text
        assert "`eectl status --data 'x y'` shows it, `eectl down --data 'x y'` ends it\n" in up.text
        place.run("job", "list", "--server", url)
    finally:
        place.run("down", "--data", "x y")
