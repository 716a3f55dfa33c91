"""`python -m collector`: the same as the command `lynceus`."""

from collector.cli.main import main

if __name__ == "__main__":
    main()
