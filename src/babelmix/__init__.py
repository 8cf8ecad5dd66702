"""babelmix: hybrid monolingual and cross-lingual batches for retrieval across languages.

    import babelmix

    benchmark = babelmix.read_benchmark("my-questions/")              # BEIR form, SQuAD form, or babelmix's own
    model = babelmix.load_encoder("models/hybrid")                    # a SentenceTransformer folder
    babelmix.evaluate(benchmark, model).mean("crosslingual")          # mAP over all language pairs

The whole experiment is `dvc repro`; every stage of it is one subcommand of `babelmix` (see `babelmix --help`). `import
babelmix` loads none of this: a name is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babelmix.api import (
        Benchmark,
        Evaluation,
        Objective,
        Pair,
        UserError,
        audit,
        build_index,
        compare,
        encode,
        evaluate,
        load_encoder,
        open_index,
        plan,
        read_benchmark,
        search,
    )

__all__ = [
    "Benchmark",
    "Evaluation",
    "Objective",
    "Pair",
    "UserError",
    "audit",
    "build_index",
    "compare",
    "encode",
    "evaluate",
    "load_encoder",
    "open_index",
    "plan",
    "read_benchmark",
    "search",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("babelmix")
    if name not in __all__:
        raise AttributeError(f"module 'babelmix' has no attribute {name!r}")
    from babelmix import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
