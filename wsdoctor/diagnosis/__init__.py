"""What Recordings mean: a pure function from Recordings to findings. No I/O, no asyncio."""
