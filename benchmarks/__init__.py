"""Speed and memory of hushpost beside a bare forwarder in the same run (docs/benchmarks.md)."""
