"""wsdoctor's own tests."""
