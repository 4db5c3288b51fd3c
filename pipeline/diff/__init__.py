"""What two revisions say of the same test pictures: `python -m pipeline.diff [REV] [REV]`.

It reads what DVC keeps of either, and writes a page of its own."""
