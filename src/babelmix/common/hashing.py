"""A draw by hash: an order that nobody chose, the same on every machine.

chosen = sorted(ids, key=hash_order)[:100]     # 100 of them; of more ids or a larger number, a superset
"""

import hashlib


def hash_order(name: str) -> bytes:
    """Return the sha256 of an id or text, 32 bytes: sorted by it, the first n are a random sample that n extends."""
    return hashlib.sha256(name.encode()).digest()
