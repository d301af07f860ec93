"""A bot without EE's library: NATS and JSON alone, as one in any language would be. It counts words.

Start the engine first, then `python raw_bot.py [SERVER]`.
"""

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig

BOT = "raw"
INSTANCE = secrets.token_urlsafe(8)  # new at each start
STREAM = "EE-inbox-activity"
Json = dict[str, Any]


class Ledger:
    """What the bot remembers: its own id, the highest fence, and every attempt with its response."""

    def __init__(self, file: Path) -> None:
        self._file = file
        new = {"ledger": secrets.token_urlsafe(8), "highest": [0, 0], "attempts": {}}
        self.data: Json = json.loads(file.read_text()) if file.exists() else new

    def save(self) -> None:
        """Write it durably: whole or not at all."""
        draft = self._file.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump(self.data, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)


class Bot:
    """One slot, and a ledger that is asked first."""

    def __init__(self, ledger: Ledger, publish: Any) -> None:
        self.ledger = ledger
        self.publish = publish
        self.running: asyncio.Task[None] | None = None
        self.running_key = ""

    async def recover(self) -> None:
        """Say of what an earlier process began that nobody knows what it did."""
        for entry in self.ledger.data["attempts"].values():
            if entry["response"] is None:
                await self.finish(entry, entry["about"], {"kind": "lost"})

    # -- what comes in -------------------------------------------------------------------------------------

    async def execute(self, request: Json) -> None:
        """Judge a request: by ledger, then by attempt, then by fence."""
        data, known = self.ledger.data, self.find(request)
        if request["ledger"] != data["ledger"]:
            await self.say("wrong_ledger", request)
        elif known is not None:
            if known["fence"] not in (None, request["fence"]):
                await self.say("conflict", request)
            else:
                await self.say_again(known, request)
        elif request["fence"] <= data["highest"]:
            await self.say("stale", request)
        elif self.running is not None:
            await self.say("busy", request)
        else:
            self.note(request)
            data["highest"] = request["fence"]
            self.ledger.save()  # before any effect
            self.running_key = key_of(request)
            self.running = asyncio.create_task(self.work(request))
            await self.say("accepted", request)

    async def cancel(self, cancel: Json) -> None:
        """Stop an attempt; one that is not known is written down as stopped, so that it never begins."""
        known = self.find(cancel)
        if known is None:
            await self.finish(self.note(cancel), cancel, {"kind": "stopped"})
        elif self.running is not None and self.running_key == key_of(cancel):
            self.running.cancel()
        else:
            await self.say_again(known, cancel)

    async def query(self, query: Json) -> None:
        """Answer a claim, or a question about one attempt."""
        data, lease = self.ledger.data, query["lease"]
        if query.get("visit") is not None:
            known = self.find(query)
            if known is None:
                self.note(query)["response"] = {"kind": "stopped"}
                self.ledger.save()
                await self.say("idle", query, lease=lease)
            else:
                await self.say_again(known, query)
        elif lease < data["highest"][0]:
            await self.say("stale", query, lease=lease)
        else:
            data["highest"] = max(data["highest"], [lease, 0])
            self.ledger.save()
            if self.running is None:
                await self.say("idle", query, lease=lease)
            else:
                about = self.ledger.data["attempts"][self.running_key]["about"]
                running = {name: about[name] for name in ("job", "visit", "attempt", "fence")}
                await self.say("busy", query, lease=lease, running=running)

    async def ack(self, ack: Json) -> None:
        """Cease to repeat a response."""
        known = self.find(ack)
        if known is not None:
            known["acked"] = True
            self.ledger.save()

    # -- what it does --------------------------------------------------------------------------------------

    async def work(self, request: Json) -> None:
        """Carry an attempt out; here, count words, one a tenth of a second."""
        try:
            words = str(request["input"]["text"]).split()
            for _ in words:
                await asyncio.sleep(0.1)
            outcome: Json = {"kind": "succeeded", "output": {"words": len(words)}}
        except asyncio.CancelledError:
            outcome = {"kind": "stopped"}
        except Exception as error:  # noqa: BLE001 - whatever it is, the attempt failed
            outcome = {"kind": "failed", "error": {"code": "error", "text": repr(error)}}
        await self.finish(self.find(request), request, outcome)
        self.running, self.running_key = None, ""

    async def finish(self, entry: Json, about: Json, outcome: Json) -> None:
        """Write the response, then send it."""
        entry["response"] = outcome
        self.ledger.save()
        await self.say(about=about, **outcome)

    async def say_again(self, known: Json, about: Json) -> None:
        """Answer about an attempt that is known."""
        if known["response"] is not None:
            await self.say(about=about, **known["response"])
        elif self.running_key == key_of(about):
            await self.say("accepted", about)
        else:  # begun by a process that is gone: nobody knows what it did
            await self.finish(known, about, {"kind": "lost"})

    async def repeat(self) -> None:
        """Say what the engine has not acknowledged, and that the running attempt lives."""
        for name, entry in list(self.ledger.data["attempts"].items()):
            if entry["response"] is not None and not entry["acked"]:
                await self.say(about=entry["about"], **entry["response"])
            elif name == self.running_key:
                await self.say("heartbeat", entry["about"])

    # -- helpers -------------------------------------------------------------------------------------------

    def find(self, about: Json) -> Json | None:
        entry: Json | None = self.ledger.data["attempts"].get(key_of(about))
        return entry

    def note(self, about: Json) -> Json:
        names = ("job", "visit", "attempt", "fence", "reply_to")
        entry = {"fence": about.get("fence"), "response": None, "acked": False}
        self.ledger.data["attempts"][key_of(about)] = entry
        entry["about"] = {name: about[name] for name in names if about.get(name) is not None}
        return entry

    async def say(self, kind: str, about: Json, **more: Any) -> None:
        echoed = {name: about[name] for name in ("job", "visit", "attempt", "fence") if name in about}
        own = {"ledger": self.ledger.data["ledger"], "instance": INSTANCE}
        message = {"v": 1, "kind": kind, **echoed, **own, "highest": self.ledger.data["highest"], **more}
        await self.publish(about["reply_to"], json.dumps(message).encode())


def key_of(about: Json) -> str:
    """Return the name of an attempt."""
    return f"{about['job']}/{about['visit']}/{about['attempt']}"


async def main(server: str) -> None:
    """Be the bot."""
    connection = await nats.connect(server)
    stream = connection.jetstream()
    bot = Bot(Ledger(Path(f"{BOT}.ledger.json")), stream.publish)

    async def read(what: str, handle: Any) -> None:
        subject, durable = f"activity.{what}.{BOT}", f"activity={what}={BOT}"
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=15)
        inbox = await stream.pull_subscribe(subject, durable=durable, stream=STREAM, config=config)
        while True:
            try:
                [message] = await inbox.fetch(1, timeout=5)
            except nats.errors.TimeoutError:
                continue
            try:
                await handle(json.loads(message.data))
            except (ValueError, LookupError, TypeError) as error:  # no JSON, or no message of this kind
                print("refused:", repr(error), file=sys.stderr)  # noqa: T201 - a program of its own
            await message.ack()

    async def hello(_: object = None, subject: str = "bots.hello") -> None:
        mine = {
            "bot": BOT,
            "instance": INSTANCE,
            "ledger": bot.ledger.data["ledger"],
            "activities": ["words"],
        }
        body = {"v": 1, **mine, "highest": bot.ledger.data["highest"], "interval_ms": 5000}
        await connection.publish(subject, json.dumps(body).encode())

    async def beat() -> None:
        while True:
            await hello(subject=f"bots.heartbeat.{BOT}")
            await bot.repeat()
            await asyncio.sleep(5)

    await connection.subscribe("bots.call", cb=hello)
    inboxes = {"execute": bot.execute, "cancel": bot.cancel, "query": bot.query, "ack": bot.ack}
    async with asyncio.TaskGroup() as tasks:
        for what, handle in inboxes.items():
            tasks.create_task(read(what, handle))
        await hello()
        await bot.recover()
        tasks.create_task(beat())
        print("raw bot is there", flush=True)  # noqa: T201 - a program of its own


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
