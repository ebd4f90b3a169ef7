"""What is normal: the smallest correct applications, run and diagnosed like the user's own."""
