"""Private names of other packages that wsdoctor needs, a module for each package.

Each name has a test of its own in ``tests/private``, which fails where a new version has changed it.
"""
