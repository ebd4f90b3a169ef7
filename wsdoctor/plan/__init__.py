"""Which cases there are: servers x disconnect kinds x moments, and the client's script."""

from wsdoctor.plan.errors import PlanError

__all__ = ["PlanError"]
