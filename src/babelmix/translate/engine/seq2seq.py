"""What the engines share that run a model of the user's choice: NLLB-200, M2M100, OPUS-MT (Marian), MADLAD-400 and
others.

A model is a folder or a name on the hub, which `@revision` may follow. The engines read weights as safetensors or in
CTranslate2's form, never as pickles, and run no code of a model's repository. Sentences of about the same length make a
batch; the longest translation of a sentence depends on that sentence alone, so its neighbours change nothing but the
last bits of a float.
"""

import hashlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from babelmix.common.errors import UserError
from babelmix.common.one_line import reason_of
from babelmix.translate.engine.seq2seq_languages import Direction, set_languages

BEAMS = 4
BATCH = 32
# Sentences of 1 to 16 tokens share a batch, those of 17 to 32, and so on.
STEP = 16
MAX_TOKENS = 512
_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_TOKENIZER_FILES = (".json", ".txt", ".model", ".spm")


class Seq2Seq(ABC):
    """What both engines share: the folder of the model, its name, and batches."""

    engine: ClassVar[str]

    def __init__(self, model: str, source: str, target: str, threads: int) -> None:
        """Keep the arguments; the first use downloads and loads the model."""
        self.model, self.source, self.target, self.threads = model, source, target, threads
        self.where = f"translate.routes, {self.engine}:{model}"

    @property
    def name(self) -> str:
        """The engine, the name of the model, the first digits of the weights' sha256, and the direction.

        UserError for a missing model, or one without weights that are safe to read.
        """
        shown = Path(self.model).name if Path(self.model).is_dir() else self.model
        return f"{self.engine} {shown} {self._digest} {self.source}-{self.target}"

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return one translation for each sentence, in order; empty for an empty one.

        UserError as for `name`, and for a language that the model lacks or a machine with too little memory.
        """
        texts = [" ".join(sentence.split()) for sentence in sentences]
        wanted = list(dict.fromkeys(text for text in texts if text))
        found: dict[str, str] = {}
        with self._memory_errors():
            for batch, longest in self._batches(wanted):
                limit = min(2 * longest + 2 * STEP, MAX_TOKENS - 2)  # OPUS-MT has no more positions
                tokens = self._generate([ids for _, ids in batch], limit)
                found |= {text: self._text(words) for (text, _), words in zip(batch, tokens, strict=True)}
        return [found.get(text, "") for text in texts]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[tuple[str, list[int]]], int]]:
        """Yield up to BATCH texts of one range of lengths with their tokens, and the end of the range."""
        if not texts:
            return
        direction = self._direction
        inputs = [direction.prefix + text for text in texts]
        room = min(MAX_TOKENS, direction.tokenizer.model_max_length)
        ids = direction.tokenizer(inputs, truncation=True, max_length=room)["input_ids"]
        rows = sorted(zip(texts, ids, strict=True), key=lambda row: (len(row[1]), row[0]))
        for steps, group in groupby(rows, key=lambda row: -(-len(row[1]) // STEP)):
            alike = list(group)
            for start in range(0, len(alike), BATCH):
                yield alike[start : start + BATCH], steps * STEP

    def _text(self, tokens: Sequence[str]) -> str:
        tokenizer = self._direction.tokenizer
        dropped = {*tokenizer.all_special_tokens, self._direction.first}
        return " ".join(tokenizer.convert_tokens_to_string([word for word in tokens if word not in dropped]).split())

    @abstractmethod
    def _generate(self, rows: Sequence[list[int]], limit: int) -> list[list[str]]:
        """Return the tokens of the translation of each row of source tokens, at most `limit`."""

    @abstractmethod
    def _weights(self, names: Sequence[str], how: str) -> list[str]:
        """Return the files of a model that hold its weights; UserError, with `how`, if none is safe."""

    @cached_property
    def _folder(self) -> Path:
        """Return the folder of the model, downloaded from the hub if no folder has that name."""
        folder, hub = Path(self.model), _HUB_NAME.fullmatch(self.model)
        if folder.is_dir():
            names = [path.name for path in folder.iterdir() if path.is_file()]
            self._weights(names, "save it again with `save_pretrained`, where you trust the pickle")
            if "config.json" not in names:
                raise UserError("no config.json", where=f"{self.where}, {folder}", how="copy the model as a whole")
            return folder
        if not hub:
            raise UserError("no such folder", where=self.where, how="give a folder, or org/name of a model on the hub")
        from babelmix.download.hub import allow_hub, hub_model

        allow_hub()

        def choose(names: list[str]) -> list[str]:
            own = [name for name in names if "/" not in name]
            how = f"name a revision that has them: `{self.engine}:{hub[1]}@refs/pr/1`, or another model"
            return [*self._weights(own, how), *(name for name in own if name.endswith(_TOKENIZER_FILES))]

        return hub_model(hub[1], choose, revision=hub[2] or "main")

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name in sorted(self._weights([path.name for path in self._folder.iterdir()], "")):
            with (self._folder / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()[:12]

    @cached_property
    def _direction(self) -> Direction:
        from transformers import AutoTokenizer

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Marian's recommends a package for the punctuation
                tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError, ImportError, AssertionError, AttributeError) as error:
            how = "put the files of the model's tokenizer beside its weights"
            what = f"its tokenizer cannot be loaded ({reason_of(error)})"
            raise UserError(what, where=self.where, how=how) from error
        return set_languages(tokenizer, self.source, self.target, self.where)

    @contextmanager
    def _memory_errors(self) -> Generator[None]:
        """Turn errors of memory into a UserError that says what to do."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "memory" not in str(error):
                raise
            how = "choose a smaller model, or its CTranslate2 form in int8"
            raise UserError("not enough memory", where=self.where, how=how) from error
