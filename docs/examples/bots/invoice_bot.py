"""A whole bot: run it with `eectl bot run invoice_bot.py`."""

import time
from pathlib import Path

from ee_core.bot import Bot, Context

bot = Bot("invoices", labels={"app": "erp"})


@bot.activity("invoice.read")
def read(path: Path) -> dict[str, int]:
    """Count the lines of an invoice."""
    return {"lines": len(path.read_text(encoding="utf-8").splitlines())}


@bot.activity("invoice.post")
def post(ctx: Context, journal: Path, seconds: float = 1.0) -> str:
    """Post an invoice in some seconds, and write down when that begins and ends."""
    with journal.open("a", encoding="utf-8") as file:
        file.write(f"start {ctx.idempotency_key}\n")
        file.flush()
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not ctx.wait_for_cancel(min(left, 0.1)):
            ctx.progress(max(0.0, 1 - left / seconds))
        file.write(f"end {ctx.idempotency_key}\n")
    return ctx.idempotency_key
