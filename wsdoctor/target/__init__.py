"""The target of a check: the user's app, handler, listener or lifespan, loaded, wrapped and listed.

    load(TargetSpec("app.py:app")) -> Target     its routes, its framework, and build() for the app
    adopt(app, __file__) -> Target               the same of an object that is there already

This package imports ``wsdoctor.recording`` and nothing else of wsdoctor. It imports a framework only
after the user's own module has done so. Every problem is a ``TargetError``.
"""

from wsdoctor.target.address import TargetSpec
from wsdoctor.target.driver import Driver, DriverError, load_driver
from wsdoctor.target.errors import TargetError, TargetImportError
from wsdoctor.target.load import Target, adopt, load
from wsdoctor.target.parameter import PathParameter
from wsdoctor.target.probe import load_probe
from wsdoctor.target.route import (
    Route,
    check_own_params,
    check_params,
    concrete_host,
    concrete_path,
    select_routes,
)
from wsdoctor.target.usercode import UserCode

__all__ = [
    "Driver",
    "DriverError",
    "PathParameter",
    "Route",
    "Target",
    "TargetError",
    "TargetImportError",
    "TargetSpec",
    "UserCode",
    "adopt",
    "check_own_params",
    "check_params",
    "concrete_host",
    "concrete_path",
    "load",
    "load_driver",
    "load_probe",
    "select_routes",
]
