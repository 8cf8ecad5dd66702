"""Engines of machine translation: one module each, and the registry that finds them."""
