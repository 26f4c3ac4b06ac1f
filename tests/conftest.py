"""What every test has under it."""

import asyncio

# On Python 3.11 pytest-asyncio asks for "the current loop" and so makes one that nobody closes; saying
# that there is none keeps it from doing so. Without this an unclosed loop is a warning, hence an error.
asyncio.set_event_loop(None)
