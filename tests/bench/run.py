"""`poe bench`: measures everything that has a bench here, one after the other, and prints ratios."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

HERE = Path(__file__).parent


def load(name: str):
    """Import a bench by its file's name; the folder is no package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def print_table(rows: list[dict[str, object]]) -> None:
    """Print rows with the same keys."""
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def main() -> None:
    """Run all."""
    print("one noop step, beside its limit (best of some rounds)")
    print_table(load("step_time").measure())
    for name in sorted(path.stem for path in HERE.glob("*.py")):
        if name not in {"run", "step_time"}:
            print(f"\n{name}")
            print(json.dumps(load(name).measure(), indent=2))


if __name__ == "__main__":
    main()
