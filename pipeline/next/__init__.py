"""What to label next: `python -m pipeline.next FOLDER…`.

`copies`: which of the pictures are labelled already; `features`: what the others look like;
`choosing`: which of them to take.
"""
