"""What the sizes on the wire tell whoever listens: of envelopes, frames, TLS records, segments."""
