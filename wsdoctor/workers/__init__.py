"""The user's application in processes of its own, where it cannot take wsdoctor along when it goes."""
