"""Entry point of the suggest function: what needs a search method; numpy is at hand here."""

from sweep_service.bootstrap import deployed_services
from sweep_service.lambdas.edge import make_handler
from sweep_service.settings import store_settings

handler = make_handler(deployed_services(store_settings()))
