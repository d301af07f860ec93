"""The bot of `eectl demo crash`: each piece of work takes two seconds and is written down when it begins and ends."""

import time
from pathlib import Path

from ee_core.bot import Bot, Context

bot = Bot("worker")


@bot.activity("demo.work")
def work(ctx: Context, log: Path, seconds: float = 2.0) -> str:
    """Do one piece of work."""
    with log.open("a", encoding="utf-8") as file:
        file.write(f"begin {ctx.idempotency_key}\n")
        file.flush()
        time.sleep(seconds)
        file.write(f"end {ctx.idempotency_key}\n")
    return ctx.idempotency_key
