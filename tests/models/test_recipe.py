"""The recipe of the shipped model: scenes and captions, tokenizer, the training loop, and what the model can do."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.recipe import tokens
from models.recipe.artwork import CONCEPTS, STYLES, installed_version, names_of
from models.recipe.sampling import ALPHAS_CUMPROD, SCHEDULER, grid, sample, to_pixels
from models.recipe.training import Budget, Settings, learning_rate, train

MODEL = Path(__file__).parents[2] / "models" / "emoji"

scenes = pytest.importorskip("models.recipe.scenes", reason="pip install -e '.[recipe]'")


def test_there_are_at_least_64_concepts_of_different_artwork() -> None:
    assert len(CONCEPTS) >= 64
    assert len(set(CONCEPTS.values())) == len(CONCEPTS)
    assert len(STYLES) == 2


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


def test_calmed_scenes_keep_what_is_said_of_them() -> None:
    rng = random.Random(0)
    pairs = [(scene, scenes.calmed(rng, scene)) for scene in (scenes.random_scene(rng) for _ in range(300))]
    for scene, calm in pairs:
        assert calm.background == scene.background
        assert [(t.icon, t.style, t.flip) for t in calm.things] == [(t.icon, t.style, t.flip) for t in scene.things]
        assert len(scene.things) == 1 or calm == scene
    alone = [(scene, calm) for scene, calm in pairs if len(scene.things) == 1]
    assert 0.65 < sum(scene != calm for scene, calm in alone) / len(alone) < 0.85


def test_two_things_stand_left_and_right_in_the_order_of_their_names() -> None:
    for seed in range(50):
        scene = scenes.random_scene(random.Random(seed), two=1.0)
        left, right = scene.things
        assert left.x < 0.5 < right.x
        text = scenes.caption(random.Random(seed), scene)
        places = [max(text.find(name) for name in names_of(scenes.concept_of(thing))) for thing in scene.things]
        assert 0 <= places[0] < places[1]


def test_captions_say_only_what_is_true_and_leave_things_out_now_and_then() -> None:
    seen: Counter[str] = Counter()
    for seed in range(500):
        scene = scenes.random_scene(random.Random(seed), two=0.0)
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
    settings = Settings(1.0, 1, warmup=10)
    assert learning_rate(settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(settings, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(settings, 100, 1.0) == 0


def small_loss(model: nn.Module, generator: torch.Generator, progress: float) -> Tensor:
    """A regression whose batch comes from the step's generator."""
    x = torch.randn(8, 4, generator=generator)
    return (model(x) - x.sum(1, keepdim=True)).square().mean()


def test_a_resumed_training_equals_one_that_was_not_stopped(tmp_path: Path) -> None:
    settings = Settings(1e-2, 8, warmup=1, half=False)

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
    every_step = Settings(1e-2, 8, warmup=1, half=False, save_every=-1)
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
    """Every concept in every style once, through this project's own networks; the figures of version 1."""
    from models.recipe.evaluate import Model, one_object

    figures = one_object(Model.load(MODEL), seeds=1)
    assert figures["concept"] >= 0.75
    assert figures["style"] >= 0.85
    assert figures["background"] >= 0.90


@pytest.mark.slow
def test_the_shipped_weights_are_small() -> None:
    from models.recipe.export import megabytes

    assert megabytes() <= 40
