"""EE, the execution engine: runs workflows whose steps are done by bots."""
