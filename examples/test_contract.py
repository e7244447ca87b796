"""Tests an application against the contract with schemathesis: `pytest examples/test_contract.py`."""

from wfconform.reference import embedded_app  # stands for an application of your own
from wfconform.schemathesis_hooks import contract_tests

test_contract, TestSessions = contract_tests(embedded_app("k"), workflow_id="5eb7cf5a86d9755df3a6c593", api_key="k")
