"""Power loss: what a process wrote is recorded, and disks that fit the time are built from it."""
