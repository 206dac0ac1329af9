"""The values that travel on wires. Declared by name, so that declaring nodes imports neither torch nor numpy.

The first string is the type's name in signatures, the second where its codec is; without one a value is never stored.
"""

from __future__ import annotations

from engine import value_type

value_type("UNet", None, "A UNet, as a handle: weights are loaded when a step needs them.", "UNetHandle")
value_type("VAE", None, "A variational autoencoder, as a handle.", "VAEHandle")
value_type("TextEncoder", None, "CLIP's text encoder, as a handle.", "TextEncoderHandle")
value_type("Tokenizer", None, "CLIP's tokenizer, as a handle.", "TokenizerHandle")
value_type("CLIP", None, "Both towers of CLIP, for pictures and for words, as a handle.", "CLIPHandle")

value_type("Captioner", None, "A network that says what a picture shows, as a handle.", "CaptionerHandle")

value_type("Tokens", "nodes.codecs:TOKENS", "A prompt cut into 77 tokens: ids, pieces, weights, what was cut off.")
value_type("Embeddings", "nodes.codecs:EMBEDDINGS", "A vector for each token, before the text encoder mixes them.")
value_type("Conditioning", "nodes.codecs:CONDITIONING", "The text encoder's states for a prompt, 77 × width.")
value_type("Noise", "nodes.codecs:NOISE", "A seed and a shape, from which every draw of noise follows.")
value_type("Schedule", "nodes.codecs:SCHEDULE", "Descending noise levels (sigmas), steps + 1 long.")
value_type("Latent", "nodes.codecs:LATENT", "A latent that knows its own noise level.")
value_type("Prediction", "nodes.codecs:PREDICTION", "What the UNet says of a noisy latent: eps, and the clean latent.")
value_type("Channels", "nodes.codecs:CHANNELS", "What an inpainting UNet is shown beside the latent.")
value_type("Attention", "nodes.codecs:ATTENTION", "Where each layer and head of the UNet looks, word by word.")
value_type("Preview", "nodes.codecs:PREVIEW", "A linear map from latent channels to colours, for a quick look.")
value_type("ClipVector", "nodes.codecs:CLIP_VECTOR", "A picture or a text as one vector in CLIP's common space.")

value_type("TermVectors", "nodes.search_codecs:TERM_VECTORS", "Terms, each with its vector in CLIP's common space.")
value_type(
    "Description", "nodes.search_codecs:DESCRIPTION", "A caption and what was added, with likenesses to a picture."
)
value_type("Pictures", "nodes.training_codecs:PICTURES", "Pictures to learn from, each with a caption.")
value_type("Examples", "nodes.training_codecs:EXAMPLES", "Clean latents to learn from, each with a caption.")
value_type("LearnedWord", "nodes.training_codecs:LEARNED_WORD", "A placeholder and the vectors it stands for.")
value_type("Inversion", "nodes.training_codecs:INVERSION", "A new word on its way, with losses so far.")
value_type("Lora", "nodes.training_codecs:LORA", "Small matrices to be added to a model's layers.")
value_type("Tuning", "nodes.training_codecs:TUNING", "What is trained of a model, with losses so far.")

value_type("Image", "nodes.picture_codecs:IMAGE", "A picture, 8 bits a channel, with or without alpha.")
value_type("Mask", "nodes.picture_codecs:MASK", "White = repaint freely, black = keep.")
value_type("Heat", "nodes.picture_codecs:HEAT", "One number for each place of a picture.")
value_type("Table", "nodes.picture_codecs:TABLE", "Numbers over named axes, to be plotted.")
