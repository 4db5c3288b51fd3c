"""What is measured, and on which part: accuracy, its intervals, the split of the pictures."""
