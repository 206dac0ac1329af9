"""Textual inversion: gradients only in the new vectors, the same word however the steps are divided, clear faults."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from stable_diffusion import random_parts
from torch import Tensor, nn

from diffusion import inversion
from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.inversion import Inversion, begin, look_up
from diffusion.learned import LearnedWord, add_word
from diffusion.patches import token_table
from diffusion.runtime import make_runtime, use
from diffusion.text import encode, tokenize
from diffusion.training import Examples, TrainingError, diffusion_loss, draw, generator_at

G = torch.Generator().manual_seed(3)
EXAMPLES = Examples(torch.randn(3, 4, 8, 8, generator=G), ("a cat, * style", "* b", "c *"))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    return open_checkpoint(tiny_model)


@pytest.fixture(scope="module")
def start(model: Checkpoint) -> Inversion:
    return begin(model.tokenizer, model.text_encoder, "*", "cat", 2)


def train(
    start: Inversion, model: Checkpoint, steps: int, examples: Examples = EXAMPLES, **options: object
) -> Inversion:
    encoder, tokenizer = model.text_encoder, model.tokenizer
    return inversion.train(start, model.unet, encoder, tokenizer, examples, steps, 1e-2, 2, **options)  # type: ignore[arg-type]


def equal(a: Inversion, b: Inversion) -> bool:
    tensors = zip((a.word.vectors, a.mean, a.square), (b.word.vectors, b.mean, b.square), strict=True)
    return all(torch.equal(one, other) for one, other in tensors) and a.losses == b.losses


# ── before the first step ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_word_begins_as_the_words_it_is_told(model: Checkpoint) -> None:
    table = token_table(model.text_encoder.load())[1].weight
    ids = tokenize(model.tokenizer.load(), "cat").ids[1:4]
    vectors = begin(model.tokenizer, model.text_encoder, "*", "cat", 5).word.vectors
    assert torch.equal(vectors[:3], table[list(ids)].detach())
    for repeated, first in zip(vectors[3:], vectors[:2], strict=True):
        assert 0 < (repeated - first).norm() < first.norm()


def test_without_a_word_it_begins_where_words_are(model: Checkpoint) -> None:
    table = token_table(model.text_encoder.load())[1].weight
    first, again, other = (
        begin(model.tokenizer, model.text_encoder, vectors=64, seed=s).word.vectors for s in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.std().item() == pytest.approx(table.std().item(), rel=0.2)


def test_a_placeholder_that_is_a_word_is_refused_unless_asked(model: Checkpoint) -> None:
    with pytest.raises(ValueError, match='does not know, found "b"'):
        begin(model.tokenizer, model.text_encoder, "b")
    assert begin(model.tokenizer, model.text_encoder, "b", known=True).word.placeholder == "b"


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_are_those_of_a_row_of_the_table_trained_with_all_others_fixed(
    model: Checkpoint, start: Inversion, tiny_model: Path
) -> None:
    """Against the plain way: a longer table, a gradient for all of it, and only the new rows moved."""
    from transformers import CLIPTextModel

    encoder = CLIPTextModel.from_pretrained(tiny_model / "text_encoder")
    place, table = token_table(encoder)
    longer = nn.Embedding.from_pretrained(torch.cat([table.weight, start.word.vectors]), freeze=False)
    encoder.set_input_embeddings(longer)
    new = torch.arange(len(longer.weight)) >= len(table.weight)
    optimizer = torch.optim.Adam([longer.weight], lr=1e-2)
    known, _ = add_word(model.tokenizer, model.text_encoder, start.word)
    for step in range(3):
        drawn = draw(EXAMPLES, 2, 1000, generator_at(0, step))
        texts = [EXAMPLES.captions[i] for i in drawn.picks.tolist()]
        ids = torch.tensor([tokenize(known.load(), t, weighted=False, new_words=known.new_words).ids for t in texts])
        states = encoder(ids).last_hidden_state
        latents = EXAMPLES.latents[drawn.picks]
        loss = diffusion_loss(model.unet.load(), model.unet.training, latents, states, drawn.timesteps, drawn.noise)
        optimizer.zero_grad()
        loss.mean().backward()
        assert longer.weight.grad is not None
        longer.weight.grad[~new] = 0
        optimizer.step()
    learnt = train(start, model, 3).word.vectors
    assert (learnt - longer.weight[new].detach()).abs().max() < 1e-6
    assert (learnt - start.word.vectors).abs().max() > 1e-3
    assert place


def test_nothing_else_is_trained(model: Checkpoint, start: Inversion) -> None:
    networks = model.unet.load(), model.text_encoder.load()
    before = [p.detach().clone() for p in chain(*(network.parameters() for network in networks))]
    train(start, model, 3)
    after = list(chain(*(network.parameters() for network in networks)))
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert all(p.grad is None and not p.requires_grad for p in after)


def test_an_earlier_state_stays_as_it_was(model: Checkpoint, start: Inversion) -> None:
    once = train(start, model, 1)
    kept = replace(once, word=replace(once.word, vectors=once.word.vectors.clone()), mean=once.mean.clone(),
                   square=once.square.clone())  # fmt: skip
    train(once, model, 2)
    assert equal(once, kept)


@pytest.mark.parametrize("parts", [[6], [3, 3], [1, 2, 3], [1] * 6])
def test_however_the_steps_are_divided_the_word_is_the_same(
    model: Checkpoint, start: Inversion, parts: list[int]
) -> None:
    state = start
    for steps in parts:
        state = train(state, model, steps, total=6)
    assert state.step == 6
    assert equal(state, train(start, model, 6, total=6))


def test_the_seed_decides(model: Checkpoint, start: Inversion) -> None:
    assert equal(train(start, model, 2, seed=5), train(start, model, 2, seed=5))
    assert not equal(train(start, model, 2, seed=5), train(start, model, 2, seed=6))


def test_the_learning_rate_falls_to_zero(model: Checkpoint, start: Inversion) -> None:
    state = train(start, model, 4, total=4)
    beyond = train(state, model, 2, total=4)
    assert torch.equal(beyond.word.vectors, state.word.vectors)
    assert not torch.equal(train(state, model, 2, total=8).word.vectors, state.word.vectors)


def test_vectors_grow_no_longer_than_they_may(model: Checkpoint, start: Inversion) -> None:
    table = token_table(model.text_encoder.load())[1].weight
    usual = float(table.norm(dim=1).mean())
    free, held = (train(start, model, 30, longest=longest).word.vectors.norm(dim=1) for longest in (0.0, 0.9))
    assert free.max() > 0.9 * usual
    assert held.max() <= 0.9 * usual * (1 + 1e-5)


def test_the_loss_falls_on_what_it_is_taught(model: Checkpoint, start: Inversion) -> None:
    one = Examples(EXAMPLES.latents[:1], ("*",))

    def loss(state: Inversion) -> float:
        tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, state.word)
        states = encode(encoder.load(), tokenize(tokenizer.load(), "*", new_words=tokenizer.new_words)).states
        times, noise = torch.arange(0, 1000, 50), torch.randn(20, 4, 8, 8, generator=torch.Generator().manual_seed(9))
        latents, states = one.latents.expand(20, -1, -1, -1), states.expand(20, -1, -1)
        with torch.no_grad():
            return float(diffusion_loss(model.unet.load(), model.unet.training, latents, states, times, noise).mean())

    assert loss(train(start, model, 60, one)) < loss(start)


def test_prompts_are_drawn_from_templates(model: Checkpoint, start: Inversion, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    tell = inversion.prompts_for
    monkeypatch.setattr(inversion, "prompts_for", lambda *given: (said.extend(found := tell(*given)), found)[1])
    bare = Examples(EXAMPLES.latents, ("x", "y", ""))
    train(start, model, 12, bare, prompts=["a picture of *", "* {caption}"])
    assert set(said) == {"a picture of *", "* x", "* y", "* "}


def test_only_the_new_rows_have_gradients() -> None:
    table = nn.Embedding(5, 3).requires_grad_(False)
    vectors = torch.randn(2, 3, requires_grad=True)
    rows = look_up(table, vectors, torch.tensor([[0, 5, 4, 6, 5]]))
    assert torch.equal(rows[0], torch.stack([table.weight[0], vectors[0], table.weight[4], vectors[1], vectors[0]]))
    rows.sum().backward()
    assert torch.equal(vectors.grad if vectors.grad is not None else Tensor(), torch.tensor([[2.0] * 3, [1.0] * 3]))


@pytest.mark.slow
def test_stable_diffusion_takes_a_step(model: Checkpoint) -> None:
    made = make_runtime("cpu")
    with use(lambda: made):
        unet, encoder = random_parts()
        start = begin(model.tokenizer, encoder, "*", vectors=2)
        examples = Examples(torch.randn(1, 4, 16, 16), ("a photo of *",))
        after = inversion.train(start, unet, encoder, model.tokenizer, examples, steps=1, batch=1)
    assert after.word.vectors.shape == after.mean.shape == after.square.shape == (2, 768)
    assert not torch.equal(after.word.vectors, start.word.vectors) and after.losses[0] > 0


# ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_prompt_without_the_word_is_refused_before_anything_is_trained(model: Checkpoint, start: Inversion) -> None:
    for captions in (("a cat", "*", "*"), ("x " * 90 + "*", "*", "*")):
        with pytest.raises(ValueError, match=r'^prompts: expected "\*" in each, among the first 75 pieces, found "'):
            train(start, model, 1, Examples(EXAMPLES.latents, captions))


def test_a_loss_that_is_no_number_stops_at_its_step(model: Checkpoint, start: Inversion) -> None:
    spoiled = EXAMPLES.latents.clone()
    spoiled[2] = float("nan")
    picks = [draw(EXAMPLES, 2, 1000, generator_at(0, step)).picks.tolist() for step in range(20)]
    first = next(step for step, chosen in enumerate(picks) if 2 in chosen)
    state = train(start, model, first, Examples(spoiled, EXAMPLES.captions)) if first else start
    with pytest.raises(TrainingError, match=rf"^step {first}: expected a finite loss, found nan"):
        train(state, model, 5, Examples(spoiled, EXAMPLES.captions))


def test_what_belongs_to_another_model_is_refused(model: Checkpoint, start: Inversion) -> None:
    wide = LearnedWord("*", torch.zeros(1, 768))
    with pytest.raises(ValueError, match="inversion: expected vectors as wide as the text encoder's, 16, found 768"):
        train(Inversion(wide, wide.vectors, wide.vectors), model, 1)
    with pytest.raises(ValueError, match="examples: expected latents of 4 channels, found 16"):
        train(start, model, 1, Examples(torch.zeros(1, 16, 8, 8), ("*",)))
