"""The wire: every message between clients, engines and bots, and the subjects they travel on.

JSON, UTF-8, version 1. Unknown fields are kept, unknown versions refused by name. This package and the message
reference made from it are all that a bot in another language needs.
"""
