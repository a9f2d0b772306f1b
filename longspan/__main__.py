"""`python -m longspan` is the `longspan` command."""

from longspan.command import main

if __name__ == "__main__":
    main(prog_name="longspan")
