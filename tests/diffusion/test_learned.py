"""New words: what may stand for them, how a model comes to know them, and the files they are kept in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from diffusion.checkpoint import Checkpoint, open_checkpoint
from diffusion.learned import LearnedWord, add_word, nearest, read_word, write_word
from diffusion.patches import token_table
from diffusion.text import encode, tokenize, words_of

WIDTH = 16
VECTORS = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    return open_checkpoint(tiny_model)


@pytest.mark.parametrize("placeholder", ["", "two words", "a:b", "(x)", "[x]", "x\\"])
def test_a_placeholder_must_not_be_read_as_something_else(placeholder: str) -> None:
    with pytest.raises(ValueError, match="placeholder: expected no spaces"):
        LearnedWord(placeholder, VECTORS)


# ── making it known ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_word_stands_for_its_vectors_wherever_it_is(model: Checkpoint) -> None:
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, LearnedWord("*", VECTORS))
    tokens = tokenize(tokenizer.load(), "a cat, (*:1.3) style", new_words=tokenizer.new_words)
    ids = tokenizer.new_words[0].ids
    assert ids == tuple(range(model.text_encoder.rows, model.text_encoder.rows + 3))
    at = tokens.ids.index(ids[0])
    assert tokens.ids[at : at + 3] == ids
    assert tokens.weights[at : at + 3] == (1.3,) * 3
    assert ("*", (at, at + 1, at + 2)) in words_of(tokens)
    _, table = token_table(encoder.load())
    assert torch.equal(table.weight[list(ids)], VECTORS)


def test_the_checkpoint_stays_as_it_is(model: Checkpoint) -> None:
    tokens = tokenize(model.tokenizer.load(), "a * cat")
    before = encode(model.text_encoder.load(), tokens).states
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, LearnedWord("*", VECTORS))
    known = tokenize(tokenizer.load(), "a * cat", new_words=tokenizer.new_words)
    changed = encode(encoder.load(), known).states
    assert torch.equal(encode(model.text_encoder.load(), tokens).states, before)
    assert not torch.equal(changed, before)
    assert tokenize(model.tokenizer.load(), "a * cat") == tokens


def test_text_without_the_word_means_the_same_bit_for_bit(model: Checkpoint) -> None:
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, LearnedWord("qq", VECTORS))
    plain, with_word = (tokenize(model.tokenizer.load(), "a cat", new_words=new) for new in ((), tokenizer.new_words))
    assert plain == with_word
    assert torch.equal(encode(encoder.load(), plain).states, encode(model.text_encoder.load(), plain).states)


def test_several_words_live_side_by_side(model: Checkpoint) -> None:
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, LearnedWord("sks", VECTORS))
    tokenizer, encoder = add_word(tokenizer, encoder, LearnedWord("sksx", 2 * VECTORS[:1]))
    first, second = tokenizer.new_words
    tokens = tokenize(tokenizer.load(), "SKSX sks sksxy", new_words=tokenizer.new_words)
    assert tokens.ids[1:5] == (*second.ids, *first.ids)
    assert not set(tokens.ids[5:]) & {*first.ids, *second.ids}  # part of another word is no word
    _, table = token_table(encoder.load())
    assert torch.equal(table.weight[list(second.ids)], 2 * VECTORS[:1])


def test_vectors_of_another_width_are_refused(model: Checkpoint) -> None:
    with pytest.raises(ValueError, match="word: expected vectors 16 wide, found 768; learnt for another model"):
        add_word(model.tokenizer, model.text_encoder, LearnedWord("*", torch.zeros(1, 768)))


def test_a_word_that_is_known_is_refused_unless_asked(model: Checkpoint) -> None:
    word = LearnedWord("a", VECTORS)  # of the tiny tokenizer, each letter is a word
    with pytest.raises(ValueError, match=r'placeholder: expected a word that the model does not know, found "a"'):
        add_word(model.tokenizer, model.text_encoder, word)
    tokenizer, encoder = add_word(model.tokenizer, model.text_encoder, word, known=True)
    with pytest.raises(ValueError, match="does not know"):
        add_word(tokenizer, encoder, word)
    again, longer = add_word(tokenizer, encoder, replace(word, vectors=VECTORS + 1), known=True)
    assert len(again.new_words) == 1
    _, table = token_table(longer.load())
    assert torch.equal(table.weight[list(again.new_words[0].ids)], VECTORS + 1)


def test_a_words_own_vector_is_nearest_to_it(model: Checkpoint) -> None:
    _, table = token_table(model.text_encoder.load())
    id = model.tokenizer.load().convert_tokens_to_ids("k</w>")
    [near] = nearest(model.tokenizer, model.text_encoder, 3 * table.weight[id][None].detach(), 4)
    assert near[0] == ("k", pytest.approx(1.0))
    assert [cosine for _, cosine in near] == sorted((cosine for _, cosine in near), reverse=True)
    assert len({word for word, _ in near}) == 4


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("layout", "name"), [("diffusers", "*"), ("a1111", "my")])
def test_what_is_written_is_read(tmp_path: Path, layout: str, name: str, count: int) -> None:
    word = LearnedWord(name, VECTORS[:count])
    write_word(tmp_path / "my.safetensors", word, layout)
    found = read_word(tmp_path / "my.safetensors")
    assert found.placeholder == ("my" if layout == "a1111" or name == "*" else name)
    assert torch.equal(found.vectors, word.vectors)
    assert read_word(tmp_path / "my.safetensors", "*").placeholder == "*"


def test_pickled_files_of_both_tools_are_read(tmp_path: Path) -> None:
    torch.save({"<cat-toy>": VECTORS[0]}, tmp_path / "learned_embeds.bin")
    web_ui = {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": torch.nn.Parameter(VECTORS)},
        "name": "toy",
        "step": 9,
    }
    torch.save(web_ui, tmp_path / "toy.pt")
    assert read_word(tmp_path / "learned_embeds.bin").placeholder == "<cat-toy>"
    assert read_word(tmp_path / "toy.pt").placeholder == "toy"
    assert torch.equal(read_word(tmp_path / "toy.pt").vectors, VECTORS)


class Evil:
    """Would run when it is unpickled."""

    def __reduce__(self) -> tuple:
        return (print, ("run",))


def test_nothing_of_a_pickled_file_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"*": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"^evil\.pt: expected tensors and nothing else"):
        read_word(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


def test_files_that_are_no_word(tmp_path: Path) -> None:
    save_file({"clip_l": VECTORS, "clip_g": VECTORS.clone()}, tmp_path / "xl.safetensors")
    save_file({"x": torch.zeros(2, 3, 4)}, tmp_path / "cube.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "xl.safetensors").read_bytes()[:-9])
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("hello")
    for name, complaint in (
        ("xl.safetensors", r"expected one tensor, found 2 \(clip"),
        ("cube.safetensors", r"expected vectors \(D,\) or \(n, D\), found \(2, 3, 4\)"),
        ("cut.safetensors", "expected a whole file"),
        ("list.pt", "expected an embedding, found list"),
        ("text.pt", "expected"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: {complaint}"):
            read_word(tmp_path / name)


def test_diffusers_reads_what_is_written(tmp_path: Path, tiny_model: Path) -> None:
    from diffusers.loaders import TextualInversionLoaderMixin
    from transformers import CLIPTextModel, CLIPTokenizer

    class Pipeline(TextualInversionLoaderMixin):
        """As much of a pipeline as the loader looks at."""

        hf_device_map = None
        components: dict = {}  # noqa: RUF012

        def __init__(self) -> None:
            self.tokenizer = CLIPTokenizer.from_pretrained(tiny_model / "tokenizer")
            self.text_encoder = CLIPTextModel.from_pretrained(tiny_model / "text_encoder")

    write_word(tmp_path / "w.safetensors", LearnedWord("<toy>", VECTORS))
    pipeline = Pipeline()
    pipeline.load_textual_inversion(str(tmp_path / "w.safetensors"))
    ids = pipeline.tokenizer(pipeline.maybe_convert_prompt("<toy>", pipeline.tokenizer)).input_ids[1:-1]
    assert torch.equal(pipeline.text_encoder.get_input_embeddings().weight[ids].detach(), VECTORS)
