"""Tests an application of one's own against the contract with schemathesis: `pytest examples/test_contract.py`."""

from wfconform.reference import embedded_app  # stands for your own application: from my_service import app
from wfconform.schemathesis_hooks import contract_tests

test_contract, TestSessions = contract_tests(embedded_app(api_key="k"), workflow_id="5eb7cf5a86d9755df3a6c593", api_key="k")
