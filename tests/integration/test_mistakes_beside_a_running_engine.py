"""What only a running `eectl up` knows to be wrong: who misspells a name is told the one that is there, who takes its port by whom."""

import pytest

HELLO = "ee: 1\nname: hello\nversion: '1'\nstart: a\nnodes:\n  a: {activity: noop, next: done}\n  done: {end: succeeded}\n"

ASK = """
ee: 1
name: ask
inputs: {go: {type: boolean, default: false}}
start: way
nodes:
  way: {exclusive: [{when: inputs.go, next: done}]}
  done: {end: succeeded}
"""


@pytest.mark.slow
@pytest.mark.timeout(240)  # thirty processes, one after the other
def test_a_misspelt_name_is_told_the_nearest_one(place):
    (place.folder / "hello.ee.yaml").write_text(HELLO)
    (place.folder / "other.ee.yaml").write_text(HELLO.replace("hello", "other"))
    (place.folder / "workflows").mkdir()
    (place.folder / "workflows/hello.ee.yaml").write_text(HELLO)
    place.up("--bots", "1")
    place.run("job", "submit", "hello.ee.yaml", "--id", "jkill1", "--watch")

    for command in (("show",), ("show", "--at", "1"), ("history",), ("watch",), ("resolve", "i1", "retry")):
        said = place.told("job", command[0], "jkil1", *command[1:], code=4)
        assert "job 'jkil1' is not known" in said, command
        assert "hint: did you mean 'jkill1'?\n" in said, command
    assert "hint: see `eectl job list`" in place.told("job", "show", "zzz", code=4)
    cancelled = place.told("job", "cancel", "jkil1", code=4)
    assert cancelled.endswith("if it comes, it is cancelled; did you mean 'jkill1'?\n")
    for command in (("cancel", "jkil1"), ("resolve", "jkil1", "i1", "retry")):  # by now a cancel knows it
        assert place.told("job", *command, code=4).endswith("should it come; did you mean 'jkill1'?\n")
    assert "never runs" in place.told("job", "submit", "hello.ee.yaml", "--id", "jkil1", code=6)
    assert "did you mean 'jkill1'?" in place.told(
        "job", "show", "jkill", code=4
    )  # not what only a cancel knows

    none = place.told("job", "list", "--workflow", "helo", code=0)
    assert none == "no job has workflow 'helo'; did you mean 'hello'?\n"
    assert place.told("job", "list", "--workflow", "hello", "--outcome", "failed", code=0) == ""

    assert "hint: did you mean 'hello'?" in place.told("job", "submit", "helo", code=4)
    assert "hint: did you mean 'hello@1'?" in place.told("job", "submit", "hello@2", code=4)
    assert "hint: did you mean the file 'other.ee.yaml'?" in place.told("job", "submit", "other", code=4)

    taken = place.told("job", "submit", "other.ee.yaml", "--id", "jkill1", code=10)
    assert (
        "job 'jkill1' is there already, and not the same: workflow 'hello' there, 'other' here\nhint: choose"
        in taken
    )

    assert "bot 'locl-1' is not known\nhint: did you mean 'local-1'?" in (
        place.told("bot", "release", "locl-1", "--reason", "x", code=4)
    )
    assert "is not quarantined" in place.told("bot", "release", "local-1", "--reason", "x", code=10)
    assert "hint: did you mean 'local-1'?" in place.told("bot", "check", "locl-1", code=4)
    elsewhere = place.told("bot", "check", "local-1", "--namespace", "prod", code=4)
    assert (
        "neither hello nor heartbeat came in namespace 'prod'\nhint: start it, or name its namespace"
        in elsewhere
    )
    assert "no engine answered in namespace 'prod'" in (
        place.told("job", "list", "--namespace", "prod", code=8)
    )

    unserved = HELLO.replace("activity: noop", "activity: nop")
    (place.folder / "unserved.ee.yaml").write_text(unserved)
    warned = place.told("job", "submit", "unserved.ee.yaml", code=0)
    assert "no plugin here serves the activity type 'nop'; a bot must" in warned

    (place.folder / "ask.ee.yaml").write_text(ASK)
    place.run("job", "submit", "ask.ee.yaml", "--id", "ask1", "--watch", code=12)
    asked = "the incident is missing, job 'ask1' has: i1 NoBranchTaken (takes retry, fail)"
    assert f"{asked}\nhint: say `eectl job resolve ask1 i1 retry`\n" in (
        place.told("job", "resolve", "ask1", "retry", code=2)
    )
    assert "has no open incident" in place.told("job", "resolve", "jkill1", "retry", code=4)
    assert "hint: did you mean 'ask1'?" in place.told("job", "resolve", "aks1", code=4)


@pytest.mark.slow
def test_a_second_one_is_told_by_whom_the_port_is_taken(place):
    place.up("--bots", "0")
    port = place.environ["EE_BROKER_SERVERS"].rpartition(":")[2]

    said = place.told("up", "--bots", "0", "--data", "second", "--port", port, code=8)

    assert (
        f"port {port} on 127.0.0.1 is in use by the NATS server 'eectl-up:{(place.folder / '.ee').resolve()}'"
        in said
    )
    assert "hint: end that, or choose another port, as with --port 4223" in said
