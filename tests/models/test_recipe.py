"""The recipe of the shipped model: scenes and captions, tokenizer, the training loop, and what the model can do."""

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from shipped import MODEL
from torch import Tensor, nn

from models.recipe import tokens
from models.recipe.artwork import CONCEPTS, STYLES, installed_version, names_of
from models.recipe.muon import Muon, by_muon, orthogonal
from models.recipe.sampling import ALPHAS_CUMPROD, SCHEDULER, grid, sample, to_pixels
from models.recipe.training import DECAY_FROM, Budget, Settings, begun, join, learning_rate, train

scenes = pytest.importorskip("models.recipe.scenes", reason="pip install -e '.[recipe]'")
from models.recipe import export  # noqa: E402
from models.recipe.export import short, write_weights  # noqa: E402
from models.recipe.judge import Judge, load_judge, part  # noqa: E402


def test_there_are_at_least_150_concepts_of_different_artwork() -> None:
    assert len(CONCEPTS) >= 150
    assert len(set(CONCEPTS.values())) == len(CONCEPTS)
    assert len(STYLES) == 3


def test_palette_colours_are_far_apart() -> None:
    colours = [np.array(colour) for colour in scenes.PALETTE.values()]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(colours) for b in colours[:i]]
    assert len(colours) == 10
    assert min(distances) > 60


@pytest.mark.parametrize("name", ["white", "light blue", "brown"])
def test_colour_name_is_the_nearest_colours(name: str) -> None:
    red, green, blue = scenes.PALETTE[name]
    assert scenes.colour_name((red, green, blue)) == name
    assert scenes.colour_name((max(red - 9, 0), max(green - 9, 0), max(blue - 9, 0))) == name


def test_scenes_repeat_with_their_seed_and_differ_with_another() -> None:
    first, again, other = (scenes.random_scene(random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_things_stay_in_the_picture() -> None:
    for seed in range(200):
        for thing in scenes.random_scene(random.Random(seed)).things:
            assert thing.size * 0.45 < thing.x < 1 - thing.size * 0.45
            assert thing.size * 0.45 < thing.y < 1 - thing.size * 0.45


def test_scenes_have_one_to_three_things() -> None:
    counts = Counter(len(scenes.random_scene(random.Random(seed)).things) for seed in range(1000))
    assert counts.keys() == {1, 2, 3} and counts[1] > counts[2] > counts[3] > 80


def test_calmed_scenes_keep_what_is_said_of_them() -> None:
    rng = random.Random(0)
    for scene in (scenes.random_scene(rng) for _ in range(100)):
        calm, count = scenes.calmed(rng, scene), len(scene.things)
        assert calm.background == scene.background
        assert [(t.icon, t.style) for t in calm.things] == [(t.icon, t.style) for t in scene.things]
        assert all(abs(thing.x - (i + 0.5) / count) < 0.03 for i, thing in enumerate(calm.things))
        assert all(thing.size > 0.85 / count and abs(thing.angle) <= 4 and not thing.flip for thing in calm.things)


@pytest.mark.parametrize("count", [2, 3])
def test_things_stand_from_left_to_right_in_the_order_of_their_names(count: int) -> None:
    told = 0
    for seed in range(50):
        scene = scenes.random_scene(random.Random(seed), count)
        assert all(i / count < thing.x < (i + 1) / count for i, thing in enumerate(scene.things))
        text = scenes.caption(random.Random(seed), scene)
        places = [max(text.find(name) for name in names_of(scenes.concept_of(thing))) for thing in scene.things]
        assert places[0] >= 0 and places == sorted(places)
        told += "on the left" in text
    assert 25 < told < 45


def test_two_and_three_things_in_a_sentence() -> None:
    assert scenes.side_by_side(["cat", "owl"], told=False) == "a cat and an owl"
    assert scenes.side_by_side(["cat", "owl"]) == "a cat on the left and an owl on the right"
    three = "a cat on the left, an owl in the middle and a bee on the right"
    assert scenes.side_by_side(["cat", "owl", "bee"]) == three


def test_exchanged_captions_say_the_opposite() -> None:
    from models.recipe.clip import exchanged

    told = "a cat on the left, an owl in the middle and a palm tree on the right, noto style, on a blue background"
    other = "a palm tree on the left, an owl in the middle and a cat on the right, noto style, on a blue background"
    assert exchanged(told) == other and exchanged(other) == told
    assert exchanged("a cat on the left and a bee on the right") == "a bee on the left and a cat on the right"
    assert exchanged("a cat and a bee, flat style") is None


def test_captions_say_only_what_is_true_and_leave_things_out_now_and_then() -> None:
    seen: Counter[str] = Counter()
    for seed in range(500):
        scene = scenes.random_scene(random.Random(seed), 1)
        text = scenes.caption(random.Random(seed), scene)
        styles = [style for style in STYLES if f"{style} style" in text]
        assert styles in ([], [scene.things[0].style])
        if "background" in text:
            assert f"on a {scenes.colour_name(scene.background)} background" in text
        assert any(name in text for name in names_of(scenes.concept_of(scene.things[0])))
        seen["style"] += bool(styles)
        seen["background"] += "background" in text
    assert 350 < seen["style"] < 450
    assert 300 < seen["background"] < 420


def test_articles() -> None:
    assert scenes.with_article("owl") == "an owl"
    assert scenes.with_article("unicorn") == "a unicorn"
    assert scenes.prompt("cat", "flat", "light blue") == "a cat, flat style, on a light blue background"


def test_svg_ids_of_two_things_do_not_clash() -> None:
    from models.recipe.artwork import Art

    art = Art('<path id="a" fill="url(#a)"/><use xlink:href="#a"/>', 32)
    drawn = scenes.drawing(scenes.Thing("x", "flat"), art, "t1-")
    assert drawn.count("t1-a") == 3


def test_an_absent_package_has_no_version(tmp_path: Path) -> None:
    assert installed_version(tmp_path) is None


def test_learned_tokenizer_reads_any_text(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    words = ["a cat on a light blue background", "a cat and a palm tree, noto style"] * 5
    tokens.write(tmp_path, tokens.learn_merges(words, 60))
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == tokens.VOCABULARY
    ids = tokenizer("A cat: 🐱 bozuman").input_ids
    assert ids[0] == tokens.START_ID and ids[-1] == tokens.END_ID
    assert tokenizer.decode(ids, skip_special_tokens=True).split() == ["a", "cat", ":", "🐱", "bozuman"]
    assert len(tokenizer("cat").input_ids) == 3
    assert len(tokenizer("bozuman").input_ids) > 4


def test_budget_and_learning_rate() -> None:
    assert Budget(minutes=2).progress(99, 60) == 0.5
    assert Budget(steps=10).progress(5, 9999) == 0.5
    assert Budget(minutes=1, steps=10).progress(20, 0) == 1
    assert Budget(minutes=0).progress(0, 0) == Budget(steps=0).progress(0, 0) == 1
    settings = Settings(1.0, 1, warmup=10)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 100, 0.1) == learning_rate(settings, 100, DECAY_FROM) == 1.0
    assert learning_rate(settings, 100, (DECAY_FROM + 1) / 2) == pytest.approx(0.5)
    assert learning_rate(settings, 100, 1.0) == 0


def test_a_network_begins_with_the_weights_that_fit(tmp_path: Path) -> None:
    save_file({"0.weight": torch.ones(3, 2).half(), "1.weight": torch.ones(5, 3)}, tmp_path / "judge.safetensors")
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    before = network[1].weight.clone()
    assert begun(network, None, "judge") is network and not torch.equal(network[0].weight, torch.ones(3, 2))
    begun(network, tmp_path, "judge")
    assert torch.equal(network[0].weight, torch.ones(3, 2))
    assert torch.equal(network[1].weight, before)


def test_the_account_adds_what_the_weights_had_taken_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, work = tmp_path / "model", tmp_path / "work"
    model.mkdir()
    monkeypatch.setattr(export, "WORK", work)
    account = {"unet": {"samples": 100, "minutes": 2.5, "loss": 0.5}, "vae": {"minutes": 38.0}}
    (model / "training.json").write_text(json.dumps(account))
    export.remember(model, "unet")
    export.remember(model, "judge")  # of which nothing is known
    (work / "unet.pt").touch()
    line = {"step": 2, "samples": 20, "minutes": 0.25, "loss": 0.4, "samples_per_second": 9.0}
    (work / "unet.log").write_text(json.dumps(line) + "\n")
    for _ in range(2):  # written again, or after the training went on from its checkpoint, it is not added again
        export.write_account(model)
        export.remember(model, "unet")
        expected = {"unet": {"samples": 120, "minutes": 2.75, "loss": 0.4}, "vae": {"minutes": 38.0}}
        assert json.loads((model / "training.json").read_text()) == expected


def test_what_reads_from_the_shipped_text_encoder_ships_too() -> None:
    """Else a picture tower could not learn to agree with it."""
    from transformers import CLIPTokenizer

    from models.recipe import words

    reader = begun(begun(words.Reader(words.new()), MODEL, "text_encoder"), MODEL, "words")
    assert isinstance(reader, words.Reader)
    drawn = [scenes.random_scene(random.Random(f"told {seed}")) for seed in range(100)]
    captions = [scenes.caption(random.Random(seed), scene) for seed, scene in enumerate(drawn)]
    concepts = [[list(CONCEPTS).index(scenes.concept_of(thing)) for thing in scene.things] for scene in drawn]
    right = torch.tensor([words.said(*each) for each in zip(captions, concepts, strict=True)])
    ids = words.tokenize(CLIPTokenizer.from_pretrained(MODEL / "tokenizer"), captions)
    with torch.no_grad():
        found = torch.stack([scores.argmax(1) for scores in reader.answers(reader(ids))], 1)
    assert (found == right).float().mean() >= 0.95


def test_weights_are_written_with_six_significant_bits() -> None:
    torch.manual_seed(0)
    network = nn.Linear(30, 40)
    exact = network.weight.detach().clone()
    rounded = short(network).weight.detach()
    assert torch.equal(short(network).weight, rounded)
    error = ((rounded - exact) / exact).abs()
    assert 0 < error.max() <= 2**-6
    assert torch.equal(rounded.frexp().mantissa * 2**6, (rounded.frexp().mantissa * 2**6).round())


def test_tied_weights_are_written_each_by_itself(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).half()
    network[1].weight = network[0].weight
    write_weights(tmp_path / "tied.safetensors", network)
    written = load_file(tmp_path / "tied.safetensors")
    assert written.keys() == network.state_dict().keys()
    assert torch.equal(written["0.weight"], written["1.weight"])


def test_the_mixture_goes_from_calm_and_single_to_free_and_several() -> None:
    from models.recipe.unet import mixture

    first, half_way, last = (mixture(progress) for progress in (0.0, 0.5, 1.0))
    for shares in (first, half_way, last):
        assert shares.sum().item() == pytest.approx(1.0)
    assert torch.equal(half_way, last)
    assert first[:3].sum() > 0.8 > 0.6 > last[:3].sum()
    assert last[3] > last[0], "the places and sizes of one thing are the seed's to choose"
    assert first[[0, 3]].sum() > 0.6 > 0.5 > last[[0, 3]].sum()


def test_a_share_of_a_picture_is_a_square_with_nothing_of_the_rest() -> None:
    picture = torch.cat([torch.full((1, 3, 12, 4), float(i)) for i in range(3)], dim=3)
    for i in range(3):
        assert torch.equal(part(picture, i, 3), torch.full((1, 3, 12, 12), float(i)))
    assert part(picture, 1, 2).shape == (1, 3, 12, 12)


def test_a_judge_is_read_in_the_shape_that_it_was_written_in(tmp_path: Path) -> None:
    judge = Judge(5, 2, (4, 8, 16), side=32).eval()
    write_weights(tmp_path / "judge.safetensors", judge.half(), side="32")
    again = load_judge(tmp_path)
    assert again.side == 32 and again.concept.out_features == 5
    pictures = torch.rand(2, 3, 32, 32)
    for made, expected in zip(again(pictures), judge.float()(pictures), strict=True):
        torch.testing.assert_close(made, expected)
    large = F.interpolate(pictures, (64, 64), mode="nearest")
    torch.testing.assert_close(again(large)[0], again(pictures)[0])


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 6, 90)])
def test_matrices_are_made_orthogonal_and_keep_their_directions(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    left, values, right = torch.linalg.svd(orthogonal(matrices), full_matrices=False)
    assert values.min() > 0.6 and values.max() < 1.25
    first, _, last = torch.linalg.svd(matrices, full_matrices=False)
    torch.testing.assert_close(left @ right, first @ last, rtol=0, atol=1e-3)


def test_muon_trains_matrices_and_kernels_of_any_shape_in_steps_of_adams_size() -> None:
    torch.manual_seed(0)
    network = nn.ModuleDict(
        {
            "conv_in": nn.Conv2d(3, 4, 3),
            "wide": nn.Conv2d(4, 6, 3),
            "tall": nn.Linear(6, 40),
            "embed": nn.Embedding(5, 4),
        }
    )
    chosen = by_muon(network)
    assert [id(weight) for weight in chosen] == [id(network["wide"].weight), id(network["tall"].weight)]
    before = [weight.detach().clone() for weight in chosen]
    muon = Muon(chosen, weight_decay=0.0)
    muon.param_groups[0]["lr"] = 0.01
    for weight in chosen:
        weight.grad = torch.randn_like(weight)
    muon.step()
    for weight, old in zip(chosen, before, strict=True):
        step = old - weight.detach()
        assert 0.001 < step.square().mean().sqrt() < 0.004
        assert (step * weight.grad).sum() > 0


def muon_steps() -> Tensor:
    """What three steps of Muon along random gradients make of a small network's weights."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 30))
    weights = by_muon(network)
    muon = Muon(weights, weight_decay=0.1)
    muon.param_groups[0]["lr"] = 0.1
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        muon.step()
    return torch.cat([weight.detach().flatten() for weight in weights])


def muon_steps_of_one(rank: int, folder: Path) -> None:
    """The same, in one of two processes."""
    join(rank, 2, folder / "meeting")
    torch.save(muon_steps(), folder / f"{rank}.pt")


@pytest.mark.slow
def test_two_processes_share_muons_work_and_step_as_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(muon_steps_of_one, (tmp_path,), nprocs=2)
    expected = muon_steps()
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt", weights_only=True), expected)


def small_loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
    """A regression whose batch comes from the step's generator."""
    x = torch.randn(8, 4, generator=generator)
    return (model(x) - x.sum(1, keepdim=True)).square().mean()


@pytest.mark.parametrize("muon", [False, True])
def test_a_resumed_training_equals_one_that_was_not_stopped(tmp_path: Path, muon: bool) -> None:
    settings = Settings(1e-2, 8, warmup=1, half=False, muon=muon)

    def trained(name: str, steps: list[int]) -> Tensor:
        for count in steps:
            torch.manual_seed(0)
            # the same plan in both runs: the budget is 4 steps, the first run is cut after `count`
            model = train(nn.Linear(4, 1), cut_after(count), settings, Budget(steps=4), tmp_path / f"{name}.pt")
        return model.weight.detach()

    def cut_after(count: int):
        def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
            if progress * 4 >= count:
                raise KeyboardInterrupt
            return small_loss(model, generator, progress)

        return loss

    whole = trained("whole", [99])
    torch.manual_seed(0)
    every_step = replace(settings, save_every=-1)
    with pytest.raises(KeyboardInterrupt):
        train(nn.Linear(4, 1), cut_after(2), every_step, Budget(steps=4), tmp_path / "stopped.pt")
    assert torch.load(tmp_path / "stopped.pt", weights_only=True)["step"] == 2
    assert torch.equal(trained("stopped", [99]), whole)


def test_two_steps_of_a_tiny_unet(tmp_path: Path) -> None:
    from diffusion.unet import UNet, UNetConfig
    from models.recipe.unet import CONFIG, velocity_loss

    tiny = UNetConfig.from_dict(
        CONFIG.to_dict() | {"block_out_channels": (8, 8, 8), "norm_num_groups": 2, "attention_head_dim": 2}
    )

    def loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
        latents = torch.randn(2, 4, 16, 16, generator=generator)
        return velocity_loss(model, latents, torch.randn(2, 77, 160, generator=generator), generator)

    unet = train(UNet(tiny), loss, Settings(1e-3, 2), Budget(steps=2), tmp_path / "unet.pt")
    assert json.loads((tmp_path / "unet.log").read_text().splitlines()[-1])["step"] == 2
    with torch.no_grad():
        drawn = sample(unet, torch.randn(3, 4, 16, 16), torch.zeros(3, 77, 160), torch.zeros(1, 77, 160), steps=2)
    assert drawn.shape == (3, 4, 16, 16) and drawn.isfinite().all()


def test_whitening_changes_the_latents_and_not_the_pictures() -> None:
    from models.recipe import vae

    network = vae.new().eval()
    pictures = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        mean, logvar = network.encode(pictures)
        before = network.decode(mean)
        vae.whiten(network, mean)
        white, white_logvar = network.encode(pictures)
        after = network.decode(white)
    assert torch.allclose(white.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(white.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(before, after, atol=1e-4)
    spread = mean.std((0, 2, 3))[:, None, None]
    assert torch.allclose((0.5 * logvar).exp(), (0.5 * white_logvar).exp() * spread, rtol=1e-3)


def test_noise_levels_are_stable_diffusions() -> None:
    assert SCHEDULER["prediction_type"] == "v_prediction"
    assert ALPHAS_CUMPROD[0].item() == pytest.approx(1 - 0.00085, abs=1e-5)
    assert ALPHAS_CUMPROD[-1].item() == pytest.approx(0.0047, abs=1e-4)


def test_pictures_in_a_grid() -> None:
    pixels = to_pixels(torch.stack([torch.full((3, 2, 2), value) for value in (-1.0, 0.0, 1.0, 9.0)]))
    assert pixels[:, 0, 0, 0].tolist() == [0, 128, 255, 255]
    assert grid(pixels, 2)[:, :, 0].tolist() == [[0, 0, 128, 128]] * 2 + [[255] * 4] * 2


@pytest.mark.slow
def test_the_shipped_model_draws_what_it_is_asked_for() -> None:
    """Every concept in every style once, through this project's own networks; the figures of version 2."""
    from models.recipe.evaluate import Model, one_object, singles

    model = Model.load(MODEL)
    figures = one_object(singles(model, seeds=1), model.knows)
    assert figures["concept"] >= 0.85
    assert figures["style"] >= 0.85
    assert figures["background"] >= 0.95


@pytest.mark.slow
def test_the_shipped_weights_are_small() -> None:
    from models.recipe.export import megabytes

    assert megabytes() <= 56
