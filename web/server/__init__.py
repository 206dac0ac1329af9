"""The HTTP server: routes with types, a guard before them, and the document that describes them."""
