"""Neural translation by CTranslate2, several times as fast as transformers on a CPU.

engine = CTranslate2("models/nllb-int8", "en", "sw", threads=2)         # a converted model
engine.translate(["Insert a sheet."])
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.one_line import reason_of
from babelmix.translate.engine.known import KnownEngine
from babelmix.translate.engine.seq2seq import BEAMS, Seq2Seq


class CTranslate2(Seq2Seq):
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
            how, first = "convert it again with the installed version", reason_of(error)
            raise UserError(f"not a model ({first})", where=self.where, how=how) from error

    def _generate(self, rows: Sequence[list[int]], limit: int) -> list[list[str]]:
        tokenizer, first = self._direction.tokenizer, self._direction.first
        made = self._translator.translate_batch(
            [tokenizer.convert_ids_to_tokens(row) for row in rows],
            target_prefix=[[first]] * len(rows) if first else None,
            beam_size=BEAMS,
            max_decoding_length=limit,
        )
        return [result.hypotheses[0] for result in made]


ENGINES = (KnownEngine(name="ctranslate2", make=CTranslate2, needs_model=True),)
