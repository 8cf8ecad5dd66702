"""Neural translation by transformers.

engine = Transformers("facebook/m2m100_418M", "en", "sw", threads=2)    # on the hub, or a local folder
engine.translate(["Insert a sheet."])
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.one_line import reason_of
from babelmix.translate.engine.known import KnownEngine
from babelmix.translate.engine.seq2seq import BEAMS, MAX_TOKENS, Seq2Seq

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class Transformers(Seq2Seq):
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
            what = f"not a translation model ({reason_of(error)})"
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


ENGINES = (KnownEngine(name="transformers", make=Transformers, needs_model=True),)
