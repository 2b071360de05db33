"""Triton's own client from PyPI against a server of ours: what it is told on standard input, one JSON a line, it does and prints."""
import json
import sys

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

client = http.InferenceServerClient(url=sys.argv[1])
def headers():
    """Anew for each call: the client writes into what it is given."""
    return {"Authorization": f"Bearer {sys.argv[2]}"}


def tensor(name, values, binary):
    data = np.array(values["data"], dtype=object if values["dtype"] == "object" else values["dtype"])
    made = http.InferInput(name, list(data.shape), np_to_triton_dtype(data.dtype))
    made.set_data_from_numpy(data, binary_data=binary)
    return made


def plain(found):
    if found.dtype == object:
        return [one.decode() if isinstance(one, bytes) else one for one in found.flatten().tolist()]
    return found.tolist()


def infer(model, version, inputs, outputs, binary, **more):
    asked = [http.InferRequestedOutput(name, binary_data=binary) for name in outputs] or None
    sent = [tensor(name, values, binary) for name, values in inputs.items()]
    result = client.infer(model, sent, model_version=version, outputs=asked, headers=headers(), **more)
    answer = result.get_response()
    names = [one["name"] for one in answer["outputs"]]
    return {
        "version": answer["model_version"],
        "id": answer.get("id"),
        "outputs": {name: [str(result.as_numpy(name).dtype), plain(result.as_numpy(name))] for name in names},
    }


def many(model, inputs, count):
    """At the same time, each with another first value."""
    pool = http.InferenceServerClient(url=sys.argv[1], concurrency=8)
    name, values = next(iter(inputs.items()))
    waiting = []
    for at in range(count):
        data = dict(values, data=[[at, *values["data"][0][1:]]])
        waiting.append(pool.async_infer(model, [tensor(name, data, True)], headers=headers(), request_id=str(at)))
    results = [one.get_result() for one in waiting]
    return [[one.get_response()["id"], one.as_numpy(one.get_response()["outputs"][0]["name"]).flatten().tolist()] for one in results]


calls = {
    "infer": infer,
    "many": many,
    "live": lambda: client.is_server_live(headers=headers()),
    "ready": lambda: client.is_server_ready(headers=headers()),
    "model_ready": lambda model, version="": client.is_model_ready(model, version, headers=headers()),
    "server": lambda: client.get_server_metadata(headers=headers()),
    "metadata": lambda model, version="": client.get_model_metadata(model, version, headers=headers()),
    "index": lambda: client.get_model_repository_index(headers=headers()),
    "load": lambda model: client.load_model(model, headers=headers()),
    "unload": lambda model: client.unload_model(model, headers=headers()),
}

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    try:
        print(json.dumps({"answer": calls[asked["call"]](*asked["args"], **asked.get("more", {}))}), flush=True)
    except InferenceServerException as error:
        print(json.dumps({"raised": [error.status(), error.message()]}), flush=True)
