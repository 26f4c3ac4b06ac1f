"""Ids out of names that people or makers gave."""

import hashlib
import re

LONGEST = 32


def slug(name: str, taken: set[str], seed: str = "") -> str:
    """Give an id `[a-z0-9-]{1,32}` that is not in `taken`, and put it there.

    A name without a usable character (a Chinese one) becomes a word made of it and of `seed`.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-")
    if not re.search(r"[a-z]", plain):
        plain = f"s{hashlib.blake2b(f'{name} {seed}'.encode(), digest_size=4).hexdigest()}-{plain}"[
            :LONGEST
        ].strip("-")
    out, n = plain, 1
    while out in taken:
        n += 1
        out = f"{plain[: LONGEST - len(str(n)) - 1]}-{n}"
    taken.add(out)
    return out
