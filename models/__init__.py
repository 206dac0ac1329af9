"""The model that ships with the project (`emoji/`), and the recipe that makes it (`recipe/`)."""
