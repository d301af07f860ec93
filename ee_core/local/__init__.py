"""What is built in: the parts that need nothing but this process and its files."""
