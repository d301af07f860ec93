"""A bot that writes letters: `eectl bot run writer.py`."""

from ee_core import Bot

bot = Bot("writer")


@bot.activity("letter.write")
def write(name: str) -> dict[str, str]:
    """Write to somebody."""
    return {"text": f"Dear {name}, how are you?"}
