"""Message broker and bot locks on NATS JetStream, for EE."""
