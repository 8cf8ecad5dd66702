"""From texts to ranked passages: vectors, similarities, exact search, BM25 and LIR."""
