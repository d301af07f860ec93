"""`python -m ee_core.cli` is `eectl`."""

from ee_core.cli.main import main

if __name__ == "__main__":
    main()
