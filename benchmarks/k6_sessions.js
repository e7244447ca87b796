// Sessions of five turns: the answer parsed, its status checked.
import http from 'k6/http';
import { check } from 'k6';

const url = __ENV.BASE + '/v1/workflows/5eb7cf5a86d9755df3a6c593/execute';
const params = { headers: { 'content-type': 'application/json', authorization: 'Bearer ' + __ENV.KEY } };
const answered = { 'status is 200': (response) => response.status === 200 };

function turn(runId, text) {
  const inputs = text === null ? '' : '{"type": "llm", "messages": [{"type": "human", "content": "' + text + '"}]}';
  const run = runId === null ? '' : '"run_id": "' + runId + '", ';
  const body = '{' + run + '"run_input": {"thread_to_node_inputs": {"0": {"node_run_inputs": [' + inputs + ']}}}}';
  const response = http.post(url, body, params);
  check(response, answered);
  return response.json();
}

export default function () {
  const runId = turn(null, null).run_id;
  for (let number = 2; number < 5; number++) {
    turn(runId, 'this is turn ' + number);
  }
  turn(runId, 'goodbye');
}
