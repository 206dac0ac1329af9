"""The values that travel on wires. Declared by name, so that declaring nodes imports neither torch nor numpy.

The first string is the type's name in signatures, the second where its codec is; without one a value is never stored.
"""

from __future__ import annotations

from engine import value_type

value_type("UNet", None, "A UNet, as a handle: weights are loaded when a step needs them.", "UNetHandle")
value_type("VAE", None, "A variational autoencoder, as a handle.", "VAEHandle")
value_type("TextEncoder", None, "CLIP's text encoder, as a handle.", "TextEncoderHandle")
value_type("Tokenizer", None, "CLIP's tokenizer, as a handle.", "TokenizerHandle")

value_type("Tokens", "nodes.codecs:TOKENS", "A prompt cut into 77 tokens: ids, pieces, weights, what was cut off.")
value_type("Conditioning", "nodes.codecs:CONDITIONING", "The text encoder's states for a prompt, 77 × width.")
value_type("Noise", "nodes.codecs:NOISE", "A seed and a shape, from which every draw of noise follows.")
value_type("Schedule", "nodes.codecs:SCHEDULE", "Descending noise levels (sigmas), steps + 1 long.")
value_type("Latent", "nodes.codecs:LATENT", "A latent that knows its own noise level.")

value_type("Image", "nodes.picture_codecs:IMAGE", "A picture, 8 bits a channel, with or without alpha.")
value_type("Mask", "nodes.picture_codecs:MASK", "White = repaint freely, black = keep.")
