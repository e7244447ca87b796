"""Sessions of five turns as people write them with FastHttpUser: the answer parsed, its status checked.

With PAUSE_S in the environment a user's turns are so many seconds apart on average (exponential pauses), and the exact
p99 and the rate are printed at the end: Locust's own statistics are rounded.
"""

import os
from random import expovariate, uniform
from typing import Any

import gevent
from locust import FastHttpUser, events, task

PATH = "/v1/workflows/5eb7cf5a86d9755df3a6c593/execute"
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"}


PAUSE_S = float(os.environ.get("PAUSE_S", "0"))
TURNS, PAUSES = 5, 4


def _pause() -> None:
    if PAUSE_S:
        gevent.sleep(expovariate(PAUSES / TURNS / PAUSE_S))


if PAUSE_S:
    took_ms: list[float] = []

    def keep(response_time: float, **_: Any) -> None:
        took_ms.append(response_time)

    def tell(environment: Any, **_: Any) -> None:
        ordered = sorted(took_ms)
        stats = environment.stats.total
        print(f"p99_ms={ordered[len(ordered) * 99 // 100]:.3f}", flush=True)
        print(f"rate={len(ordered) / (stats.last_request_timestamp - stats.start_time):.1f}", flush=True)

    listeners: Any = events
    listeners.request.add_listener(keep)
    listeners.test_stop.add_listener(tell)


class Sessions(FastHttpUser):
    def on_start(self) -> None:
        gevent.sleep(uniform(0, PAUSE_S))  # users that begin together must not stay in step

    @task
    def session(self) -> None:
        run_id = self._turn(None, None)["run_id"]
        for number in range(2, 5):
            _pause()
            self._turn(run_id, f"this is turn {number}")
        _pause()
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
