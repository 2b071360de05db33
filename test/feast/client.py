"""Feast's client, told what to call: a JSON document a line in, its answer a line out."""
import json
import sys
import warnings

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from feast.data_source import PushMode  # noqa: E402
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus  # noqa: E402

from repository import open_store  # noqa: E402

url, folder, token = sys.argv[1:4]
store = open_store(
    folder,
    {"type": "remote", "path": url, "connection_retries": 0},
    None if token == "" else {"type": "oidc", "token": token},
)


def frame(columns: dict) -> pd.DataFrame:
    df = pd.DataFrame(columns)
    for name in ("event_timestamp", "joined"):
        if name in df:
            df[name] = pd.to_datetime(df[name], utc=True)
    if "photo" in df:
        df["photo"] = [None if photo is None else bytes.fromhex(photo) for photo in df["photo"]]
    return df


def get(features, entities, full=False):
    wanted = store.get_feature_service(features) if isinstance(features, str) else features
    response = store.get_online_features(features=wanted, entity_rows=entities, full_feature_names=full)
    names = list(response.proto.metadata.feature_names.val)
    statuses = {
        name: [FieldStatus.Name(status) for status in result.statuses]
        for name, result in zip(names, response.proto.results)
    }
    return {"values": response.to_dict(), "statuses": statuses}


def write(view, columns):
    store.write_to_online_store(view, frame(columns))


def push(source, columns, to="ONLINE"):
    store.push(source, frame(columns), to=PushMode[to])


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"result": globals()[request["call"]](*request["args"])}
    except Exception as error:  # whatever it is, the test says what it must be
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer, default=str), flush=True)
