"""The smallest correct applications, run and diagnosed like the user's own: they show what is normal."""
