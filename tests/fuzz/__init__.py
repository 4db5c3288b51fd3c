"""Readers of files that come from elsewhere, called with damaged files.

`python -m tests.fuzz --help`. `formats` has for each kind of file valid ones and the readers,
`mutations` damages them, `trying` calls a reader and says what came out.
"""
