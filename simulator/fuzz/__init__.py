"""Fuzzing: damaged and invented inputs for every entry point, which may give its documented error only.

`dice` gives choices from a seed, `mutators` damage what is sound, `writing` invents text of the right shape,
the `*_entries` say what is called with it and what it may raise, `run` counts, measures, and makes what
fails as short as it can be.
"""
