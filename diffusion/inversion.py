"""Textual inversion: a new word learnt from a few pictures (Gal et al., 2208.01618).

A word that nobody knew is given one or a few vectors in the table where every word has its own. They are moved until
the UNet, told of the word, recognises the pictures in the noise a little better; nothing else is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from diffusion import runtime
from diffusion.learned import LearnedWord, expect_unknown, naming
from diffusion.parts import with_parts
from diffusion.patches import token_table
from diffusion.text import NewWord, Rows, spans, tokenize
from diffusion.training import (
    Examples,
    diffusion_loss,
    draw,
    expect_finite,
    expect_latents,
    generator_at,
    prompt_ids,
    prompt_states,
    prompts_for,
)

if TYPE_CHECKING:
    from diffusion.checkpoint import TextEncoderHandle, TokenizerHandle, UNetHandle


@dataclass(frozen=True, eq=False)
class Inversion:
    """A word that is being learnt, and all that is needed to go on.

    word: as it is now.
    mean, square: Adam's running averages of the gradient and of its square, like the word's vectors (n, D).
    losses: of every step so far; so many steps were taken.
    """

    word: LearnedWord
    mean: Tensor
    square: Tensor
    losses: tuple[float, ...] = ()

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return len(self.losses)


def begin(
    tokenizer: TokenizerHandle,
    encoder: TextEncoderHandle,
    placeholder: str = "*",
    initial: str = "",
    vectors: int = 1,
    known: bool = False,
    seed: int = 0,
) -> Inversion:
    """A word before its first step.

    Args:
        tokenizer: of the checkpoint.
        encoder: of the same.
        placeholder: what is to stand for the word in prompts.
        initial: known words whose vectors it begins with, in turn if there are too few; empty begins with vectors that
            are spread as the table's rows are.
        vectors: how many it has.
        known: take the placeholder even if it is a word already.
        seed: of what is random: the vectors without initial words, and a little that tells repeated ones apart.

    Raises:
        ValueError: the placeholder is a word already.
    """
    expect_unknown(tokenizer, placeholder, known)
    _, table = token_table(encoder.load())
    rows = table.weight.detach()[: encoder.rows].float().cpu()
    random = torch.randn(vectors, rows.shape[1], generator=torch.Generator().manual_seed(seed))
    if initial.strip():
        tokens = tokenize(tokenizer.load(), initial, weighted=False, new_words=tokenizer.new_words)
        ids = [tokens.ids[at] for at in spans(tokens)[0]]
        chosen = table.weight.detach()[[ids[i % len(ids)] for i in range(vectors)]].float().cpu()
        again = (torch.arange(vectors) >= len(ids))[:, None]  # the same vector twice would stay the same
        start = chosen + again * 0.1 * rows.std() * random
    else:
        start = rows.mean(dim=0) + rows.std(dim=0) * random
    return Inversion(LearnedWord(placeholder, start), torch.zeros_like(start), torch.zeros_like(start))


def train(
    inversion: Inversion,
    unet: UNetHandle,
    encoder: TextEncoderHandle,
    tokenizer: TokenizerHandle,
    examples: Examples,
    steps: int = 50,
    learning_rate: float = 5e-3,
    batch: int = 4,
    prompts: Sequence[str] = ("{caption}",),
    total: int = 0,
    longest: float = 0.0,
    seed: int = 0,
    watch: Callable[[int], None] = lambda done: None,
) -> Inversion:
    """Some steps more: Adam on the word's vectors, to lower the diffusion loss (2208.01618, eq. 2).

    Args:
        inversion: the word so far.
        unet: of the checkpoint; stays as it is.
        encoder: likewise.
        tokenizer: likewise.
        examples: what the word is to mean.
        steps: how many, ≥ 1.
        learning_rate: of Adam, > 0; rows of a table have a length of about 0.4 in Stable Diffusion.
        batch: examples a step.
        prompts: what is said of an example, one of them by chance; `{caption}` stands for its caption. Each must have
            the placeholder in it once that is done.
        total: the steps of the whole training, over which the learning rate falls to zero; 0 keeps it as it is.
        longest: a vector that gets longer than this many times the mean of the table's rows is shortened; 0 lets it
            grow. A long one drowns the other words of a prompt.
        seed: of all that is random.
        watch: is told after each step how many of these are done.

    Raises:
        ValueError: a prompt does not have the placeholder in it; the examples are not the UNet's.
        TrainingError: the loss is no number any more.
    """
    network, words = unet.load(), encoder.load()
    place, table = token_table(words)
    if inversion.word.vectors.shape[1] != encoder.width:
        widths = f"{encoder.width}, found {inversion.word.vectors.shape[1]}"
        raise ValueError(f"inversion: expected vectors as wide as the text encoder's, {widths}; of another model?")
    expect_latents(examples, unet, "examples")

    first = len(table.weight)
    word = NewWord(inversion.word.placeholder, tuple(range(first, first + len(inversion.word.vectors))))
    knowing = naming(tokenizer, word)

    @lru_cache(maxsize=4096)
    def ids_of(prompt: str) -> Tensor:
        ids = prompt_ids(knowing, [prompt])
        if first not in ids:
            raise ValueError(
                f'prompts: expected "{word.placeholder}" in each, among the first 75 pieces, found "{prompt}"; '
                f'say "a picture of {word.placeholder}", or "{{caption}}" where captions name it'
            )
        return ids

    for prompt in prompts:  # all of them, before anything is trained
        for caption in set(examples.captions):
            ids_of(prompt.replace("{caption}", caption))

    vectors = nn.Parameter(inversion.word.vectors.to(runtime.current().device, copy=True))
    optimizer = torch.optim.Adam([vectors], lr=learning_rate)
    if inversion.step:
        optimizer.state[vectors] = {
            "step": torch.tensor(float(inversion.step)),
            "exp_avg": inversion.mean.to(vectors, copy=True),
            "exp_avg_sq": inversion.square.to(vectors, copy=True),
        }

    bound = longest * float(table.weight[: encoder.rows].float().norm(dim=1).mean())
    losses = list(inversion.losses)
    for step in range(inversion.step, inversion.step + steps):
        generator = generator_at(seed, step)
        drawn = draw(examples, batch, len(unet.training.sigmas), generator)
        said = prompts_for(prompts, [examples.captions[i] for i in drawn.picks.tolist()], generator)
        ids = torch.cat([ids_of(prompt) for prompt in said]).to(vectors.device)
        rows = look_up(table, vectors, ids)
        states = prompt_states(with_parts(words, {place: Rows(rows)}), ids)
        latents = examples.latents[drawn.picks].to(vectors.device)
        loss = diffusion_loss(network, unet.training, latents, states, drawn.timesteps, drawn.noise).mean()
        expect_finite(loss.item(), step)
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (max(1 - step / total, 0.0) if total else 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if longest:
            with torch.no_grad():
                vectors.mul_((bound / vectors.norm(dim=1, keepdim=True)).clamp(max=1))
        losses.append(loss.item())
        watch(step + 1 - inversion.step)

    state = optimizer.state[vectors]
    mean, square, now = (t.detach().float().cpu().clone() for t in (state["exp_avg"], state["exp_avg_sq"], vectors))
    return Inversion(LearnedWord(word.placeholder, now), mean, square, tuple(losses))


def look_up(table: nn.Embedding, vectors: Tensor, ids: Tensor) -> Tensor:
    """Rows (B, 77, D) for ids (B, 77) of a table that `vectors` (n, D) lengthen; only `vectors` get a gradient."""
    first = len(table.weight)
    known = table(ids.clamp(max=first - 1)).detach()
    new = vectors.to(known)[(ids - first).clamp(min=0)]
    return torch.where((ids >= first)[..., None], new, known)
