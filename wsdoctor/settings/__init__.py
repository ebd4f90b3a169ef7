"""Settings from a file: ``[tool.wsdoctor]`` in pyproject.toml, or wsdoctor.toml."""
