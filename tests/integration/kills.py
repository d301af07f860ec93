"""Kills real engines, bots and NATS servers under load, and compares what bots did with what the journal says.

The short run is a test (`test_kills.py`); the long one is started by hand:

    python tests/integration/kills.py --engines 200 --bots 100 --servers 50
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ee_nats.server import ServerProcess, find_server

BOT = """
import os, time
from pathlib import Path
from ee_core.bot import Bot, Context

bot = Bot("b")

@bot.activity("kill.work")
def work(ctx: Context, log: Path, seconds: float) -> str:
    def note(what):
        with log.open("a") as file:
            file.write(f"{what} {ctx.job} {ctx.visit} {ctx.attempt}\\n")
    note("start")
    time.sleep(seconds)
    note("end")
    return ctx.visit
"""
BOTS = ("b1", "b2", "b3")
STEPS = 2
PATIENCE_S = 120.0


@dataclass
class Report:
    """What a run came to."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    incidents: int = 0  # answered with skip: a bot died in the middle
    problems: list[str] = field(default_factory=list)


class Site:
    """Processes, each started again when it was killed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.effects = folder / "effects.txt"
        self._stack = stack
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "bot.py").write_text(BOT)
        (folder / "flow.json").write_text(json.dumps(self._workflow()))
        self.server = stack.enter_context(ServerProcess(folder / "nats", find_server()))
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "EE_BROKER_SERVERS": self.server.url,
            "EE_BROKER_ASYNC_TRANSPORT": "true",
        }
        stack.callback(self._stop)

    def _workflow(self) -> dict[str, object]:
        nodes: dict[str, object] = {
            f"s{n}": {
                "activity": "kill.work",
                "with": {"log": str(self.effects), "seconds": 0.3},
                "next": f"s{n + 1}" if n < STEPS else "done",
            }
            for n in range(1, STEPS + 1)
        }
        return {"ee": 1, "name": "kills", "start": "s1", "nodes": {**nodes, "done": {"end": "succeeded"}}}

    def start(self, name: str) -> None:
        """Start an engine or a bot."""
        what = ["engine", "run"] if name == "engine" else ["bot", "run", "bot.py", "--id", name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "ee_core.cli", *what],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill -9, and start again."""
        if name == "server":
            self.server.restart(crash=True)
            return
        process = self._processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.start(name)

    def ask(self, *arguments: str) -> object:
        """Run a command; None when it could not reach an engine."""
        done = subprocess.run(
            [sys.executable, "-m", "ee_core.cli", *arguments, "-o", "json"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def resolve(self, job: str, incident: str) -> None:
        """Answer an incident: what may have happened is not done again."""
        subprocess.run(
            [sys.executable, "-m", "ee_core.cli", "job", "resolve", job, incident, "skip"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def _stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


def run(*, engines: int, bots: int, servers: int, seed: int = 1, folder: Path | None = None) -> Report:
    """Kill so many of each while jobs run, let all come to their end, and compare."""
    chance = random.Random(seed)
    report = Report()
    with tempfile.TemporaryDirectory(dir=folder) as place, ExitStack() as stack:
        site = Site(Path(place), stack)
        for name in ("engine", *BOTS):
            site.start(name)
        victims = ["engine"] * engines + ["bot"] * bots + ["server"] * servers
        chance.shuffle(victims)
        accepted: list[str] = []
        for victim in victims:
            accepted += _submit(site, chance)
            time.sleep(chance.uniform(0.2, 3.0))
            site.kill(chance.choice(BOTS) if victim == "bot" else victim)
            report.kills[victim] += 1
        accepted += _submit(site, chance)
        _let_end(site, accepted, report)
        _compare(site, accepted, report)
    return report


def _submit(site: Site, chance: random.Random) -> list[str]:
    """Submit a job; its id counts only when the engine has said so."""
    job = f"k{chance.getrandbits(60):x}"
    answer = site.ask("job", "submit", "flow.json", "--id", job)
    return [job] if answer is not None else []


def _let_end(site: Site, accepted: list[str], report: Report) -> None:
    open_jobs = set(accepted)
    until = time.monotonic() + PATIENCE_S + 5 * len(accepted)
    while open_jobs:
        if time.monotonic() > until:
            report.problems.append(f"did not end: {sorted(open_jobs)}")
            return
        for job in sorted(open_jobs):
            shown = site.ask("job", "show", job)
            if shown is None:
                continue
            if shown["status"] == "Finished":
                open_jobs.discard(job)
            for incident in shown["incidents"]:
                if "skip" in incident["choices"] and incident["kind"] == "Lost":
                    report.incidents += 1
                    site.resolve(job, incident["incident"])
        time.sleep(0.5)


def _compare(site: Site, accepted: list[str], report: Report) -> None:
    """Compare start and end files with the journal: nothing twice, nothing unrecorded, nothing invented."""
    lines = site.effects.read_text().splitlines() if site.effects.exists() else []
    effects = Counter(tuple(line.split()) for line in lines)
    report.jobs = len(accepted)
    listed = [row["job"] for row in _insist(site, "job", "list", "--limit", "1000")]
    events = [
        (job, event)
        for job in listed
        for record in _insist(site, "job", "history", job)
        for event in record["events"]
    ]
    assigned = {_key(job, event) for job, event in events if event["e"] == "AttemptAssigned"}
    succeeded = {_key(job, e) for job, e in events if e["e"] == "AttemptSucceeded" and not e.get("by")}
    report.problems += [f"success without an effect: {key}" for key in succeeded if not effects["end", *key]]
    report.problems += [f"{times} times: {line}" for line, times in effects.items() if times > 1]
    report.problems += [f"effect without a record: {line}" for line in effects if line[1:] not in assigned]
    report.problems += [f"an accepted job is lost: {job}" for job in accepted if job not in listed]


def _key(job: str, event: dict[str, object]) -> tuple[str, str, str]:
    return job, str(event["visit"]), str(event["attempt"])


def _insist(site: Site, *question: str) -> list[dict[str, object]]:
    """Ask until an engine answers."""
    until = time.monotonic() + PATIENCE_S
    while (answer := site.ask(*question)) is None:
        assert time.monotonic() < until, f"nobody answers {question}"
        time.sleep(0.5)
    return answer


def main() -> int:
    """Run by hand."""
    parser = argparse.ArgumentParser()
    for name, default in (("engines", 20), ("bots", 10), ("servers", 5), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    begin = time.monotonic()
    report = run(engines=asked.engines, bots=asked.bots, servers=asked.servers, seed=asked.seed)
    print(f"kills {dict(report.kills)}, jobs {report.jobs}, incidents answered {report.incidents}")
    print(f"problems: {report.problems or 'none'}; {time.monotonic() - begin:.0f} s")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
