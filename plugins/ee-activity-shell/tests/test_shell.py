"""What a program gets, what is made of its end, and that nothing of it goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from ee_core.config import Settings
from ee_core.contracts.activity import ActivityTraits
from ee_core.errors import ActivityError, ConfigError, PermanentActivityError, TransientActivityError
from ee_core.local.env import SystemEnv
from ee_core.registry import Registry
from ee_core.testing.activity import new_context
from ee_core.testing.attempts import appear, failure_of, vanish

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs of these tests are those of POSIX")


# -- what it gets --------------------------------------------------------------------------------------------


async def test_the_output_has_exit_code_and_both_streams(python) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr)"

    assert await python(program) == {
        "exit_code": 0,
        "stdout": "out\n",
        "stderr": "err\n",
        "truncated": False,
    }


async def test_arguments_are_given_as_they_are(python) -> None:
    odd = ["a b", "$HOME", "; rm -rf x", "'", '"', "*", "", "ü\n"]

    output = await python("import json, sys; print(json.dumps(sys.argv[1:]))", *odd)

    assert output["stdout"] == '["a b", "$HOME", "; rm -rf x", "\'", "\\"", "*", "", "\\u00fc\\n"]\n'


async def test_nothing_but_path_and_named_variables_is_inherited(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "canary")
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("REPLACED", "before")

    output = await run(
        "env", env={"REPLACED": "after"}, set_allow=["env"], set_environment=["KEPT", "REPLACED", "ABSENT"]
    )

    assert sorted(output["stdout"].splitlines()) == [
        "KEPT=kept",
        f"PATH={os.environ['PATH']}",
        "REPLACED=after",
    ]


@pytest.mark.parametrize("stdin", ["", "text ü", "x" * 1_000_000])
async def test_it_reads_what_the_input_says(python, stdin: str) -> None:
    output = await python("import sys; print(len(sys.stdin.buffer.read()))", stdin=stdin)

    assert output["stdout"] == f"{len(stdin.encode())}\n"


async def test_it_need_not_read_what_it_is_given(python) -> None:
    assert (await python("print(1)", stdin="x" * 1_000_000))["stdout"] == "1\n"


async def test_without_stdin_it_reads_nothing(python) -> None:
    assert (await python("import sys; print(repr(sys.stdin.read()))"))["stdout"] == "''\n"


async def test_it_runs_in_its_folder(python, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    where = "import os; print(os.getcwd())"

    assert (await python(where, cwd=str(tmp_path)))["stdout"] == f"{tmp_path}\n"
    assert (await python(where, set_folder=str(tmp_path)))["stdout"] == f"{tmp_path}\n"
    assert (await python(where, cwd="inner", set_folder=str(tmp_path)))["stdout"] == f"{tmp_path}/inner\n"


async def test_a_line_goes_to_the_shell_only_where_that_is_allowed(make_activity) -> None:
    line = {"command": "echo one; echo two | tr t T", "shell": True}

    assert (await make_activity(shell=True).run(new_context(), line))["stdout"] == "one\nTwo\n"
    with pytest.raises(PermanentActivityError, match=r"shell = true under \[activities\.shell\]") as caught:
        await make_activity().run(new_context(), line)
    assert caught.value.error_code == "not_allowed"


async def test_nothing_is_allowed_at_first_and_the_message_has_the_cure(run) -> None:
    with pytest.raises(PermanentActivityError) as caught:
        await run("ls", set_allow=[])

    assert caught.value.error_code == "not_allowed"
    assert caught.value.text == (
        "the program 'ls' is not allowed here; whoever runs this process, an engine or a bot, may allow it:"
        ' allow = ["ls"] under [activities.shell] in its ee.toml (beside the programs there), then start it again'
    )


@pytest.mark.parametrize(
    ("allow", "program", "code"),
    [
        (["ls"], "/bin/ls", "not_allowed"),
        (["/bin/ls"], "ls", "not_allowed"),
        (["ls"], "lsx", "not_allowed"),
        (["*"], "./ls", "bad_input"),
        (["*"], "bin/ls", "bad_input"),
        (["*"], "no-such-program", "not_found"),
        (["/no/such/program"], "/no/such/program", "not_found"),
    ],
)
async def test_only_the_named_program_is_meant(run, allow, program, code) -> None:
    assert await failure_of(run(program, set_allow=allow)) == (PermanentActivityError, code)


async def test_a_program_is_never_found_in_the_folder_where_it_runs(run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\necho hijacked\n")
    (tmp_path / "mine").chmod(0o755)

    assert await failure_of(run("mine", cwd=str(tmp_path), set_allow=["mine"])) == (
        PermanentActivityError,
        "not_found",
    )


async def test_a_variable_that_is_not_named_is_refused(python) -> None:
    assert await failure_of(python("", env={"LD_PRELOAD": "x"})) == (PermanentActivityError, "not_allowed")


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"command": []},
        {"command": [""]},
        {"command": [1]},
        {"command": "sh"},
        {"command": ["sh"], "shell": True},
        {"command": ["sh", "a\0b"]},
        {"command": ["sh"], "cwd": "a\0b"},
        {"command": ["sh"], "env": {"A": 1}},
        {"command": ["sh"], "timeout_s": 0},
        {"command": ["sh"], "exit_codes": []},
        {"command": ["sh"], "exit_codes": [256]},
        {"command": ["sh"], "unknown": 1},
    ],
)
async def test_a_bad_input_is_refused_for_good(make_activity, value: object) -> None:
    assert await failure_of(make_activity().run(new_context(), value)) == (
        PermanentActivityError,
        "bad_input",
    )


# -- what it gives -------------------------------------------------------------------------------------------


async def test_what_is_written_beyond_the_limit_is_read_and_thrown_away(python) -> None:
    program = (
        "import sys; [sys.stdout.write('a' * 1_000_000) for _ in range(100)]; print('e', file=sys.stderr)"
    )
    tracemalloc.start()
    try:
        output = await python(program, set_max_bytes=1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert output == {"exit_code": 0, "stdout": "a" * 1000, "stderr": "e\n", "truncated": True}
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("written", "expected", "truncated"),
    [
        ("'a' * 10", "a" * 10, False),
        ("'a' * 11", "a" * 10, True),
        ("'aaaaaaaaa\u00fc'", "a" * 9, True),  # the limit would cut through the letter
        ("'\u00fc' * 5", "\u00fc" * 5, False),
    ],
)
async def test_the_limit_counts_bytes_and_keeps_letters_whole(python, written, expected, truncated) -> None:
    program = f"import sys; sys.stdout.buffer.write(({written}).encode())"

    output = await python(program, set_max_bytes=10)

    assert (output["stdout"], output["truncated"]) == (expected, truncated)


async def test_what_is_long_as_json_is_cut_too(python) -> None:
    output = await python("print('\\0' * 60_000, end='')")

    assert (set(output["stdout"]), len(output["stdout"]), output["truncated"]) == ({"\0"}, 10_000, True)


async def test_bytes_that_are_no_text_are_replaced(python) -> None:
    output = await python("import sys; sys.stdout.buffer.write(b'a\\xff\\0b')")

    assert output["stdout"] == "a\ufffd\0b"


async def test_lines_are_reported_as_progress(python) -> None:
    context = new_context()
    seen = []
    context.progress = lambda fraction, text: seen.append((fraction, text))
    program = "print('begin'); print('at 12.5 %, then 40%\\r 250 %'); print(); print('end', end='')"

    output = await python(program, context=context, progress=True)

    assert output["stdout"].startswith("begin\n")
    assert seen == [(0.0, "begin"), (0.4, "at 12.5 %, then 40%"), (1.0, "250 %")]


async def test_progress_after_a_cancel_is_no_error(python, tmp_path: Path) -> None:
    context = new_context()
    program = (
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: (print('late', flush=True), sys.exit(0)))\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').write('x\\n')\n"
        "time.sleep(100)"
    )
    running = asyncio.create_task(python(program, context=context, progress=True))
    await appear(tmp_path / "ready")

    context.mark_cancelled()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


# -- how it ends ---------------------------------------------------------------------------------------------


async def test_another_exit_code_fails_with_the_last_words(python) -> None:
    with pytest.raises(ActivityError) as caught:
        await python("import sys; print('a\\n\\tb', file=sys.stderr); sys.exit(3)", "a secret argument")

    assert (caught.type, caught.value.error_code) == (ActivityError, "exit_3")
    assert caught.value.text == f"{sys.executable!r} ended with exit code 3: a b"


async def test_the_input_says_which_exit_codes_are_good(python) -> None:
    program = "import sys; sys.exit(int(sys.argv[1]))"

    assert (await python(program, "1", exit_codes=[0, 1]))["exit_code"] == 1
    assert await failure_of(python(program, "0", exit_codes=[1])) == (ActivityError, "exit_0")


async def test_a_signal_is_named(python) -> None:
    with pytest.raises(ActivityError, match="was ended by SIGSEGV") as caught:
        await python("import os; os.kill(os.getpid(), 11)")
    assert caught.value.error_code == "signal_11"


async def test_its_time_is_over(python) -> None:
    with pytest.raises(ActivityError, match=r"did not end within 0\.5 s and was stopped") as caught:
        await python("import time; time.sleep(100)", timeout_s=0.5)
    assert (caught.type, caught.value.error_code) == (ActivityError, "timeout")


@pytest.mark.parametrize(
    ("cwd", "code"),
    [("no-such-folder", "no_folder"), ("file", "no_folder")],
)
async def test_a_folder_that_is_none_is_named(python, tmp_path: Path, cwd: str, code: str) -> None:
    (tmp_path / "file").touch()

    assert await failure_of(python("", cwd=str(tmp_path / cwd))) == (PermanentActivityError, code)


async def test_what_cannot_be_executed_is_said(run, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF, but not really")
    program.chmod(0o755)

    assert await failure_of(run(str(program), set_allow=[str(program)])) == (
        PermanentActivityError,
        "not_started",
    )


async def test_a_machine_without_processes_may_have_one_later(
    python, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio.get_running_loop(), "subprocess_exec", refuse)

    assert await failure_of(python("")) == (TransientActivityError, "scarce")


CHILD = """
import fcntl, signal, sys, time
{child_on_term}
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
file.write("up\\n")
file.flush()
print("up", flush=True)
time.sleep(100)
"""
FAMILY = """
import signal, subprocess, sys, time
{on_term}
child = subprocess.Popen([sys.executable, "-c", {child!r}, sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
{then}
"""
IGNORE = "signal.signal(15, signal.SIG_IGN)"


def make_family(*, then: str = "time.sleep(100)", on_term: str = "", child_on_term: str = "") -> str:
    """Make a program with a child that holds a lock on the file which the first argument names."""
    return FAMILY.format(then=then, on_term=on_term, child=CHILD.format(child_on_term=child_on_term))


@pytest.mark.parametrize("child_on_term", ["", IGNORE])
async def test_a_cancel_ends_the_program_and_what_it_started(
    python, tmp_path: Path, child_on_term: str
) -> None:
    running = asyncio.create_task(python(make_family(child_on_term=child_on_term), str(tmp_path / "lock")))
    await appear(tmp_path / "lock")

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await vanish(tmp_path / "lock")


async def test_a_program_that_will_not_end_is_killed_after_the_grace(python, tmp_path: Path) -> None:
    program = make_family(on_term=IGNORE, child_on_term=IGNORE)
    running = asyncio.create_task(python(program, str(tmp_path / "lock"), set_grace_s=0.1))
    await appear(tmp_path / "lock")

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await vanish(tmp_path / "lock")


async def test_a_second_cancel_kills_at_once(python, tmp_path: Path) -> None:
    program = make_family(on_term=IGNORE, child_on_term=IGNORE)
    running = asyncio.create_task(python(program, str(tmp_path / "lock"), set_grace_s=1000))
    await appear(tmp_path / "lock")

    running.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await vanish(tmp_path / "lock")


async def test_a_time_out_ends_what_it_started_too(python, tmp_path: Path) -> None:
    failure = await failure_of(python(make_family(), str(tmp_path / "lock"), timeout_s=3))

    assert failure == (ActivityError, "timeout")
    await appear(tmp_path / "lock")
    await vanish(tmp_path / "lock")


async def test_what_a_program_left_behind_is_killed(python, tmp_path: Path) -> None:
    program = make_family(then="print('done')", child_on_term=IGNORE)

    output = await python(program, str(tmp_path / "lock"))

    assert output["stdout"] == "done\n"
    await vanish(tmp_path / "lock")


async def test_who_left_the_group_is_not_waited_for_though_it_holds_the_pipe(python, tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'], start_new_session=True)\n"
        "print(child.pid)"
    )

    output = await python(program)

    os.kill(
        int(output["stdout"]), signal.SIGKILL
    )  # it lived on: a session of its own is no part of the attempt


# -- the plugin ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", [None, {"command": ["ls"]}, "${ inputs.all }"])
def test_a_bot_does_it_and_it_is_not_repeated_in_silence(make_activity, template: object) -> None:
    assert make_activity().traits_for(template) == ActivityTraits(stateless=False, idempotent=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alow": []}, r"unknown key 'activities\.shell\.alow'; known are allow, shell"),
        ({"allow": ["bin/ls"]}, r"activities\.shell\.allow: value error, 'bin/ls' is neither a name nor"),
        ({"environment": ["A=B"]}, r"activities\.shell\.environment: value error, 'A=B' is no name"),
        ({"max_bytes": 10**6}, r"activities\.shell\.max_bytes: input should be less than"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    registry = Registry(Settings.model_validate({"activities": {"shell": settings}}), SystemEnv())

    with pytest.raises(ConfigError, match=message):
        registry.open_activity("shell")


def test_a_list_may_be_given_as_one_text() -> None:
    section = {"allow": "ls, /bin/cat", "environment": "LANG"}
    registry = Registry(Settings.model_validate({"activities": {"shell": section}}), SystemEnv())

    activity = registry.open_activity("shell")

    assert activity is not None
    assert activity.name == "shell"
