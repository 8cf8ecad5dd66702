"""Draw a sample by hash: a random order that is the same on every machine.

chosen = sorted(ids, key=hash_order)[:100]     # a larger sample contains a smaller one
"""

import hashlib


def hash_order(name: str) -> bytes:
    """Return the sha256 of an id or text, 32 bytes; the first n items in this order are a random sample."""
    return hashlib.sha256(name.encode()).digest()
