"""What a workflow means: pure rules, no IO, clock, randomness, global or plugin.

A fact from outside goes through `decide` and becomes events; `evolve` applies an event to a job; the waits of
a job follow from its state. Everything else in EE carries facts in and obeys waits.
"""
