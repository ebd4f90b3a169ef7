"""What a session observed: frozen events in one ordered, immutable Recording."""
