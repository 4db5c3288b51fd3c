"""What is measured, and on which part: accuracy, its intervals, temperatures, the split."""
