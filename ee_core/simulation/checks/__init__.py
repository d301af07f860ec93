"""The invariants of `ee_core.simulation.checker`, one module per group, and the reading of a history that they share.

A check is a function from a `Reading` to violations. It looks at each line a bounded number of times, changes nothing
and trusts nothing that an engine says but what it has recorded.
"""
