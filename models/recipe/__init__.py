"""The recipe of the model that ships with the project: real emoji artwork in, a Stable-Diffusion-shaped model out.

This is version 2 (the recipe of version 1 is in the history, at 6827511).

The stages, in the order in which `python -m models.recipe` runs them, each in the file of its name:

    data      artwork.py, scenes.py, data.py   fetch the artwork, compose scenes, render them with captions
    judge     judge.py                         a classifier that only measures
    vae       vae.py                           pictures 128×128 ⇄ latents 4×16×16
    words     words.py, tokens.py              tokenizer and text tower: what captions say
    unet      unet.py                          noise and words → velocity of the latent
    clip      clip.py                          the picture tower beside the text tower
    captioner captioner.py                     a picture → words for what it shows
    export    export.py                        all of it in half precision, in the diffusers folder layout
    evaluate  evaluate.py                      measured figures, and the model card

`training.py` is the one training loop that all of them share; it resumes from its last checkpoint, or begins with the
weights of a model that is there (`--from models/emoji`). `muon.py` is the optimizer of most.
"""
