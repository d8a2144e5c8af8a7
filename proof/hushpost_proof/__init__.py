"""hushpost's proof: programs that try to break what hushpost claims, and say what they found."""
