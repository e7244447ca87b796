"""The same sessions by the least that a Locust user can be: geventhttpclient itself, one status check."""

import os
from time import perf_counter
from typing import Any

import msgspec
from geventhttpclient import HTTPClient
from locust import User, task

PATH = "/v1/workflows/5eb7cf5a86d9755df3a6c593/execute"
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}", "Content-Type": "application/json"}
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Sessions(User):
    def on_start(self) -> None:
        self.client = HTTPClient.from_url(self.host or "")

    @task
    def session(self) -> None:
        run_id = self._turn(None, None)["run_id"]
        for number in range(2, 5):
            self._turn(run_id, f"this is turn {number}")
        self._turn(run_id, "goodbye")

    def _turn(self, run_id: str | None, text: str | None) -> dict[str, Any]:
        inputs = [] if text is None else [{"type": "llm", "messages": [{"type": "human", "content": text}]}]
        body: dict[str, Any] = {"run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": inputs}}}}
        if run_id is not None:
            body = {"run_id": run_id, **body}
        sent_s = perf_counter()
        response = self.client.request("POST", PATH, body=_encode(body), headers=HEADERS)
        read = response.read()
        self.environment.events.request.fire(
            request_type="POST",
            name="turn",
            response_time=(perf_counter() - sent_s) * 1000,
            response_length=len(read),
            exception=None if response.status_code == 200 else ValueError(response.status_code),
            context={},
        )
        answer: dict[str, Any] = _decode(bytes(read))
        return answer
