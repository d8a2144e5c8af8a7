"""What the times, the sizes and the order of a relay's answers tell whoever posts to it."""
