"""Scores that a test writes down itself, in the form that babelmix ranks."""

import numpy as np


class Given:
    """Any matrix [queries, passages] as a system's scores; `not_found` is the score of what it does not retrieve."""

    def __init__(self, matrix, not_found=None):
        self.matrix = np.asarray(matrix, dtype=np.float32)
        self.not_found = not_found
        self.shape = self.matrix.shape

    def score_block(self, passages):
        return lambda query: self.matrix[query, passages]

    def pairs(self, query, passage):
        return self.matrix[query, passage]
