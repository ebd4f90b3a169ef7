"""One case: a real server, a scripted client, observers around both -> a Recording."""
