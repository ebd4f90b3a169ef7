"""Which event loop and which clock a session runs on; nothing else knows."""
