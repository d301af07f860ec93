"""Runs seeds: ``python -m ee_core.simulation --seeds 1000``; ends with 1 when an invariant was violated."""

from __future__ import annotations

import time

import click

from ee_core.simulation.carrying_out import carry_out
from ee_core.simulation.checker import check
from ee_core.simulation.plan import draw
from ee_core.simulation.shrink import shrink, tell
from ee_core.simulation.sweep import Batch, sweep


def tell_seed(seed: int, *, smaller: bool) -> str:
    """Tell the story of a seed, made smaller if it fails and that is wished."""
    plan = shrink(draw(seed)) if smaller else draw(seed)
    run = carry_out(plan)
    return tell(run, check(run.history))


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many.")
@click.option("--from", "first", default=0, show_default=True, help="The first one.")
@click.option("--jobs", default=1, show_default=True, help="How many processes.")
@click.option("--tell", "told", is_flag=True, help="Tell the story of the first seed that fails, shrunk.")
def main(seeds: int, first: int, jobs: int, told: bool) -> None:
    """Run real engines through seeded storms, and check that they kept every promise."""
    began_s = time.monotonic()
    whole = Batch()
    for batch in sweep(first, seeds, jobs):
        whole.coverage.merge(batch.coverage)
        for seed, found in batch.failures:
            click.echo(f"seed {seed}: {found[0]}" + (f" (and {len(found) - 1} more)" if found[1:] else ""))
            whole.failures.append((seed, found))
    minutes = (time.monotonic() - began_s) / 60
    click.echo(whole.coverage.table())
    never = whole.coverage.never()
    click.echo(f"\n{len(never)} never met" + (f": {', '.join(never)}" if never else ""))
    click.echo(
        f"{seeds} schedules, {seeds / minutes:.0f} a minute; {len(whole.failures)} seeds violate an invariant"
    )
    if not whole.failures:
        return
    seed = min(seed for seed, _ in whole.failures)
    click.echo(tell_seed(seed, smaller=True) if told else f"--tell --seeds 1 --from {seed} tells the first")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
