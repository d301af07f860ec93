"""Expressions in workflow files, written in CEL, for EE."""
