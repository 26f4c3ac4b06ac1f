"""`python -m guardian` is the command `guardian`."""

from guardian.cli import main

main()
