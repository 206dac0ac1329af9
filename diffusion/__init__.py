"""The models and the maths of latent diffusion, in plain torch. A file a stage; knows nothing of nodes."""
