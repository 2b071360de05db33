"""The same features as Feast declares them: for its client over HTTP, and for its own server to compare with."""
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig
from feast.types import Array, Bool, Bytes, Float64, Int64, String, UnixTimestamp
from feast.value_type import ValueType

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)


def view(folder: Path, name: str, entities: list, fields: list) -> FeatureView:
    columns = {field.name: pd.Series([], dtype="object") for field in fields}
    times = {"event_timestamp": pd.Series([], dtype="datetime64[us, UTC]")}
    path = folder / f"{name}.parquet"
    pd.DataFrame({**columns, **times}).to_parquet(path)
    batch = FileSource(name=f"{name}_batch", path=str(path), timestamp_field="event_timestamp")
    source = PushSource(name=name, batch_source=batch)
    return FeatureView(name=name, entities=entities, ttl=timedelta(days=30), schema=fields, source=source)


def open_store(folder: str, online: dict, auth: dict | None = None) -> FeatureStore:
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    stats = view(
        root,
        "driver_stats",
        [driver],
        [
            Field(name="driver_id", dtype=Int64),
            Field(name="trips", dtype=Int64),
            Field(name="rating", dtype=Float64),
            Field(name="city", dtype=String),
            Field(name="active", dtype=Bool),
            Field(name="scores", dtype=Array(Float64)),
            Field(name="tags", dtype=Array(String)),
            Field(name="photo", dtype=Bytes),
            Field(name="joined", dtype=UnixTimestamp),
        ],
    )
    shifts = view(
        root,
        "shifts",
        [driver, shop],
        [
            Field(name="driver_id", dtype=Int64),
            Field(name="shop", dtype=String),
            Field(name="trips", dtype=Int64),
        ],
    )
    config = RepoConfig(
        project="feast",
        registry=str(root / "registry.db"),
        provider="local",
        online_store=online,
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
        **({} if auth is None else {"auth": auth}),
    )
    store = FeatureStore(config=config)
    services = [
        FeatureService(name="driver_inputs", features=[stats[["trips", "rating"]]]),
    ]
    store.apply([driver, shop, stats, shifts, *services])
    return store
