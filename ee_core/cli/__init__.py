"""eectl: noun, verb, and few shortcuts. Data on stdout, talk on stderr, exit codes that scripts can use."""
