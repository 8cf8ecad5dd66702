"""Neural translation by a model of the user's choice: NLLB-200, M2M100, OPUS-MT (Marian), MADLAD-400 and the like.

    engine = Transformers("facebook/m2m100_418M", "en", "sw", threads=2)    # on the hub, or a local folder
    engine = CTranslate2("models/nllb-int8", "en", "sw", threads=2)         # converted, several times as fast
    engine.translate(["Insert a sheet."])

A name may be followed by `@revision`. Weights are read as safetensors or in CTranslate2's form, never as pickles, and
no code of a model's repository is run. Sentences of about the same length make a batch; how long a translation may
become depends on its own sentence alone, so neighbours change nothing but the last bits of a float.
"""

import hashlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from babelmix.common.errors import UserError

BEAMS = 4
BATCH = 32
# Sentences of 1 to 16 tokens share a batch, those of 17 to 32, and so on.
STEP = 16
MAX_TOKENS = 512
_FLORES = (
    "ar:arb_Arab bg:bul_Cyrl bn:ben_Beng ca:cat_Latn cs:ces_Latn da:dan_Latn de:deu_Latn el:ell_Grek en:eng_Latn "
    "es:spa_Latn et:est_Latn eu:eus_Latn fa:pes_Arab fi:fin_Latn fr:fra_Latn gl:glg_Latn he:heb_Hebr hi:hin_Deva "
    "hr:hrv_Latn hu:hun_Latn id:ind_Latn is:isl_Latn it:ita_Latn ja:jpn_Jpan ko:kor_Hang lt:lit_Latn lv:lvs_Latn "
    "nl:nld_Latn no:nob_Latn pl:pol_Latn pt:por_Latn ro:ron_Latn ru:rus_Cyrl sk:slk_Latn sl:slv_Latn sr:srp_Cyrl "
    "sv:swe_Latn sw:swh_Latn ta:tam_Taml te:tel_Telu th:tha_Thai tr:tur_Latn uk:ukr_Cyrl ur:urd_Arab vi:vie_Latn "
    "yo:yor_Latn zh:zho_Hans"
)
# ISO 639-1 to what NLLB calls a language.
FLORES = {word[:2]: word[3:] for word in _FLORES.split()}
# Further names that multilingual OPUS-MT models have for a language.
_OPUS = {"ar": "ara", "fa": "fas", "lv": "lav", "no": "nor", "sw": "swa", "zh": "cmn_Hans"}
_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_TOKENIZER_FILES = (".json", ".txt", ".model", ".spm")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True, slots=True)
class _Direction:
    """A tokenizer set to the source language, and how the target language is said."""

    tokenizer: Any
    prefix: str  # before every source text
    first: str | None  # the token that every translation has to begin with


class _Seq2Seq(ABC):
    """What both engines have in common: where the model lies, its name, batches."""

    engine: ClassVar[str]

    def __init__(self, model: str, source: str, target: str, threads: int) -> None:
        """Keep what is asked for; the model is downloaded and loaded when it is first needed."""
        self.model, self.source, self.target, self.threads = model, source, target, threads
        self.where = f"translate.routes, {self.engine}:{model}"

    @property
    def name(self) -> str:
        """The engine, the model as it was named, the first digits of the weights' sha256, and the direction.

        UserError for a model that is not there or has no weights that are safe to read.
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
        with self._told():
            for batch, longest in self._batches(wanted):
                limit = min(2 * longest + 2 * STEP, MAX_TOKENS - 2)  # OPUS-MT has no more positions
                tokens = self._generate([ids for _, ids in batch], limit)
                found |= {text: self._text(words) for (text, _), words in zip(batch, tokens, strict=True)}
        return [found.get(text, "") for text in texts]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[tuple[str, list[int]]], int]]:
        """Yield texts and their tokens, up to BATCH that lie in the same range of lengths, and that range's end."""
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
        """Return which of the files of a model hold its weights; UserError, with `how`, where none is safe."""

    @cached_property
    def _folder(self) -> Path:
        """Return the folder of the model, from the hub if no folder has that name."""
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
    def _direction(self) -> _Direction:
        from transformers import AutoTokenizer

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Marian's recommends a package for the punctuation
                tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError, ImportError, AssertionError, AttributeError) as error:
            how = "put the files of the model's tokenizer beside its weights"
            what = f"its tokenizer cannot be loaded ({_first_line(error)})"
            raise UserError(what, where=self.where, how=how) from error
        return _say_languages(tokenizer, self.source, self.target, self.where)

    @contextmanager
    def _told(self) -> Generator[None]:
        """Turn too little memory into an error that says what to do."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "memory" not in str(error):
                raise
            how = "choose a smaller model, or its CTranslate2 form in int8"
            raise UserError("not enough memory", where=self.where, how=how) from error


class Transformers(_Seq2Seq):
    """A model run by transformers, in float32, on the GPU if there is one."""

    engine = "transformers"

    def _weights(self, names: Sequence[str], how: str) -> list[str]:
        weights = [name for name in names if name.endswith(".safetensors")]
        if not weights:
            pickled = any(name.endswith(_PICKLES) for name in names)
            what = "weights only as pickle, which can run code" if pickled else "no weights"
            raise UserError(f"{what} (model.safetensors is missing)", where=self.where, how=how)
        return weights

    @cached_property
    def _network(self) -> Any:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForSeq2SeqLM

        try:
            network = AutoModelForSeq2SeqLM.from_pretrained(
                self._folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            how = "choose one that transformers loads as AutoModelForSeq2SeqLM"
            what = f"not a translation model ({_first_line(error)})"
            raise UserError(what, where=self.where, how=how) from error
        return network.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def _generate(self, rows: Sequence[list[int]], limit: int) -> list[list[str]]:
        import torch

        network, tokenizer, first = self._network, self._direction.tokenizer, self._direction.first
        torch.set_num_threads(self.threads)
        inputs = tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(network.device)
        room = getattr(network.config, "max_position_embeddings", None) or MAX_TOKENS
        forced = {"forced_bos_token_id": tokenizer.convert_tokens_to_ids(first)} if first else {}
        with torch.inference_mode():
            made = network.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                num_beams=BEAMS,
                do_sample=False,
                max_length=None,
                max_new_tokens=min(limit, room - 2),
                **forced,
            )
        return [tokenizer.convert_ids_to_tokens(row) for row in made.tolist()]


class CTranslate2(_Seq2Seq):
    """A model run by CTranslate2: a folder with its model.bin and the tokenizer of the original."""

    engine = "ctranslate2"

    def _weights(self, names: Sequence[str], how: str) -> list[str]:
        if "model.bin" not in names:
            how = "convert one: `ct2-transformers-converter --model ... --copy_files` its tokenizer's files"
            raise UserError("no model in CTranslate2's form (model.bin is missing)", where=self.where, how=how)
        return ["model.bin"]

    @cached_property
    def _translator(self) -> Any:
        import ctranslate2

        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        try:
            return ctranslate2.Translator(str(self._folder), device=device, intra_threads=self.threads)
        except (RuntimeError, ValueError) as error:
            if "memory" in str(error):
                raise
            how = "convert it again with the installed version"
            raise UserError(f"not a model ({_first_line(error)})", where=self.where, how=how) from error

    def _generate(self, rows: Sequence[list[int]], limit: int) -> list[list[str]]:
        tokenizer, first = self._direction.tokenizer, self._direction.first
        made = self._translator.translate_batch(
            [tokenizer.convert_ids_to_tokens(row) for row in rows],
            target_prefix=[[first]] * len(rows) if first else None,
            beam_size=BEAMS,
            max_decoding_length=limit,
        )
        return [result.hypotheses[0] for result in made]


def _say_languages(tokenizer: Any, source: str, target: str, where: str) -> _Direction:
    """Set the tokenizer to `source` and find how `target` is said to a model of its class."""
    kind, known = type(tokenizer).__name__, tokenizer.get_vocab()
    if kind.startswith("Nllb"):
        valid = {lang: code for lang, code in FLORES.items() if code in known}
    elif kind.startswith("M2M100"):
        valid = {lang: lang for lang in tokenizer.lang_code_to_token}
    else:
        forms = [form for form in (">>{}<<", "<2{}>") if any(re.fullmatch(form.format(r"\w+"), word) for word in known)]
        if not forms:
            return _Direction(tokenizer, "", None)  # a model of one pair
        valid = {
            lang: form.format(name)
            for form in forms
            for lang, code in FLORES.items()
            for name in (_OPUS.get(lang, code), code, code[:3], lang)
            if form.format(name) in known
        }
        if target not in valid:
            raise _lacking(target, valid, where)
        return _Direction(tokenizer, f"{valid[target]} ", None)
    for lang in (source, target):
        if lang not in valid:
            raise _lacking(lang, valid, where)
    tokenizer.src_lang = valid[source]
    return _Direction(tokenizer, "", getattr(tokenizer, "lang_code_to_token", valid).get(valid[target], valid[target]))


def _lacking(lang: str, valid: dict[str, str], where: str) -> UserError:
    shown = ", ".join(sorted(valid)[:8])
    return UserError(f"the model lacks the language {lang!r}", where=where, how=f"choose another model; it has {shown}")


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
