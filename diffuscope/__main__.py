"""`python -m diffuscope` is the command `diffuscope`."""

from diffuscope.cli import main

if __name__ == "__main__":
    main()
