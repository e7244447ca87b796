"""Sessions of five turns as people write them with FastHttpUser: the answer parsed, its status checked."""

import os
from typing import Any

from locust import FastHttpUser, task

PATH = "/v1/workflows/5eb7cf5a86d9755df3a6c593/execute"
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"}


class Sessions(FastHttpUser):
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
        with self.client.post(PATH, json=body, headers=HEADERS, name="turn", catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
            answer: dict[str, Any] = response.json()
            return answer
