"""What every stage stands on, and so small: an edit here runs everything again.

Errors a user can mend, what is printed, files written whole or not at all, Parquet, CSV, tensors,
digests, tables of Markdown, and the types of values in params.yaml.
"""
