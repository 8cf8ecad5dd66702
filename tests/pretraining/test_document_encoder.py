"""The document encoder sees all of a block but the text it predicts; the heads are those of the paper's code."""

import pytest
import torch

from babelmix.pretraining.document_encoder import DocumentEncoder, heads_of
from babelmix.pretraining.heads import Heads


def encoder(sentences: int = 4, seed: int = 3) -> DocumentEncoder:
    return DocumentEncoder(width=16, sentences=sentences, layers=2, seed=seed)


def vectors(texts: int, seed: int = 5) -> torch.Tensor:
    drawn = torch.randn(texts, 16, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=-1)


def test_a_prediction_depends_on_its_block_and_not_on_the_masked_vector() -> None:
    read = vectors(12).requires_grad_()
    found = encoder().eval()(read)
    for row in range(12):
        (gradient,) = torch.autograd.grad(found[row].square().sum(), read, retain_graph=True)
        reached = set(gradient.abs().sum(dim=1).nonzero().flatten().tolist())
        block = row // 4 * 4
        assert reached == set(range(block, block + 4)) - {row}


def test_order_matters_and_the_number_of_blocks_does_not() -> None:
    document, read = encoder().eval(), vectors(8)
    found = document(read)
    torch.testing.assert_close(document(read[4:]), found[4:])
    document.positions.data.mul_(50)
    one, swapped = document(read[:4]), document(read[[0, 2, 1, 3]])
    assert (swapped[3] - one[3]).abs().max() > 1e-4  # the same texts around it, in another order


def test_it_is_torchs_transformer_over_each_masked_copy() -> None:
    document, read = encoder().eval(), vectors(8)
    found = document(read)
    for row in range(8):
        block = read[row // 4 * 4 :][:4].clone()
        block[row % 4] = document.mask
        whole = document.layers(document.norm(block + document.positions)[None])
        torch.testing.assert_close(found[row], whole[0, row % 4])


def test_weights_come_from_the_seed_alone_and_layers_differ() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one = encoder().state_dict()
    assert torch.get_rng_state().equal(before)
    torch.rand(3)
    other = encoder().state_dict()
    assert all(one[name].equal(other[name]) for name in one)
    assert not one["mask"].equal(encoder(seed=4).state_dict()["mask"])
    assert not one["layers.layers.0.linear1.weight"].equal(one["layers.layers.1.linear1.weight"])


def test_its_size_is_that_of_the_paper_at_width_384() -> None:
    document = DocumentEncoder(width=384, sentences=8, layers=2, seed=1)
    layer = 4 * 384 * 384 + 4 * 384 + 2 * 4 * 384 * 384 + 5 * 384 + 4 * 384
    assert sum(weight.numel() for weight in document.parameters()) == 2 * layer + 8 * 384 + 384 + 2 * 384
    assert document.layers.layers[0].self_attn.num_heads == 6


@pytest.mark.parametrize(("width", "heads"), [(384, 6), (768, 12), (1024, 16), (32, 1), (200, 2), (130, 2), (129, 1)])
def test_heads_divide_the_width(width: int, heads: int) -> None:
    assert heads_of(width) == heads


def test_heads_are_two_and_normalise_over_the_batch() -> None:
    heads, read = Heads(width=16, seed=2), vectors(40)
    queries, keys = heads.queries(read), heads.keys(read)
    assert not torch.allclose(queries, keys, atol=0.1)
    torch.testing.assert_close(queries.norm(dim=1), torch.ones(40))
    # what all texts share, such as their language, does not reach the loss
    torch.testing.assert_close(Heads(width=16, seed=2).keys(read + 3.0), keys, rtol=1e-3, atol=1e-3)
    assert not [name for name, _ in heads.named_parameters() if name.endswith(("0.bias", "3.bias", "4.weight"))]
    heads.eval()
    torch.testing.assert_close(heads.keys(read[:1]), heads.keys(read)[:1])  # in eval the company does not matter
