"""babelmix: hybrid monolingual and cross-lingual batches for retrieval across languages.

The whole experiment is `dvc repro`; every stage of it is one subcommand of `babelmix` (see `babelmix --help`).
"""

__version__ = "0.1.0"
