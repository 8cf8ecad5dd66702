"""Sources of question-passage pairs, one module each."""
