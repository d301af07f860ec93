"""What a plugin promises, one module per kind, in numbered sentences that the conformance kit tests."""
