"""The reference of the documentation: `python -m pipeline.reference` writes docs/reference.md.

`keys` makes tables of the schemas and of the docstrings below their fields; the page has these and
the registries of architectures, presets and artifacts.
"""
