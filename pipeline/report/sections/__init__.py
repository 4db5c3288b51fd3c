"""The sections of the page, each a file and its template of the same name."""
