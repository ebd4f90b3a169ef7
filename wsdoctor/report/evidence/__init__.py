"""What a report shows of one case: its timeline, the lines of its tasks, excerpts of the source."""
