"""One module a claim: its sentence, and the experiment that tries to break it, as `CLAIM`."""
