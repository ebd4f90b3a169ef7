"""The smallest correct application of each framework and form, one a file: each has an ``app``.

They are what the framework's documentation shows, and expect the end of the connection wherever it can
be expected. What wsdoctor finds in them all the same is not theirs.
"""
