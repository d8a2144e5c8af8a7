"""What may go wrong in a benchmark, other than being slow."""


class BenchmarkFailure(Exception):
    """The run cannot go on, or its figures would be false."""


class LoadFailure(BenchmarkFailure):
    """The load saw what must not happen: a message lost, doubled, out of order or refused."""


class MachineUnfit(BenchmarkFailure):
    """The machine lacks something that the benchmark needs; the message says what to do."""
