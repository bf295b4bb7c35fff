"""The tables: those of the folder that ``LNN_DATA`` names, and some that statsmodels brings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars
from polars import DataFrame, col


@dataclass(frozen=True)
class Case:
    """What is to be predicted in a table.

    Attributes:
        load: the whole table, in order of time.
        target: a column of it.
        options: of ``fit_table``.
    """

    load: Callable[[], DataFrame]
    target: str
    options: dict[str, Any] = field(default_factory=dict)


def folder() -> Path:
    return Path(os.environ["LNN_DATA"])


def csv(path: str, **options: Any) -> DataFrame:
    options = {"try_parse_dates": True, "null_values": ["NA", "?"], **options}
    return polars.read_csv(folder() / path, infer_schema_length=None, **options)


def nab(name: str) -> Callable[[], DataFrame]:
    return lambda: csv(f"nab/{name}.csv").unique("timestamp", keep="first").sort("timestamp")


def sunspots() -> DataFrame:
    table = csv("sunspots/monthly-sunspots.csv")
    return table.with_columns((col("Month") + "-01").str.to_date("%Y-%m-%d"))


def pollution() -> DataFrame:
    table = csv("weather_beijing_pm25/pollution.csv.gz").drop("No", "cbwd")
    time = polars.datetime("year", "month", "day", "hour")
    return table.with_columns(time.alias("time")).drop("year", "month", "day", "hour")


def traffic() -> DataFrame:
    table = csv("traffic/Metro_Interstate_Traffic_Volume.csv.gz")
    kept = table.select("date_time", "temp", "rain_1h", "snow_1h", "clouds_all", "traffic_volume")
    return kept.unique("date_time", keep="first").sort("date_time")


def vix() -> DataFrame:
    table = csv("finance_vix/vix-daily.csv", try_parse_dates=False)
    format_ = "%Y-%m-%d" if "-" in table["DATE"][0] else "%m/%d/%Y"
    return table.with_columns(col("DATE").str.to_date(format_))


def power() -> DataFrame:
    table = csv("power/household_power_consumption_first26days.txt.gz", separator=";",
                try_parse_dates=False)  # fmt: skip
    time = (col("Date") + " " + col("Time")).str.to_datetime("%d/%m/%Y %H:%M:%S")
    numbers = [name for name in table.columns if name not in ("Date", "Time")]
    cells = [col(name).cast(polars.String).str.strip_chars().cast(polars.Float64, strict=False)
             for name in numbers]  # fmt: skip
    return table.select(time.alias("time"), *cells)


def occupancy() -> DataFrame:
    text = (folder() / "occupancy/datatraining.txt").read_text()
    head, rest = text.split("\n", 1)
    table = polars.read_csv(f'"No",{head}\n{rest}'.encode(), try_parse_dates=True)
    return table.drop("No", "HumidityRatio")


def eye_state() -> DataFrame:
    table = csv("eeg_eye_state/EEG_Eye_State.csv.gz", has_header=False)
    return table.rename({table.columns[-1]: "eye"})


def co2() -> DataFrame:
    from statsmodels.datasets import co2

    table = co2.load_pandas().data.reset_index()
    return DataFrame({"date": table.iloc[:, 0].to_numpy(), "co2": table["co2"].to_numpy()})


def elnino() -> DataFrame:
    from statsmodels.datasets import elnino

    table = elnino.load_pandas().data
    values = table.iloc[:, 1:].to_numpy().ravel()
    months = polars.date_range(
        polars.date(int(table.iloc[0, 0]), 1, 1),
        polars.date(int(table.iloc[-1, 0]), 12, 1),
        "1mo",
        eager=True,
    )
    return DataFrame({"month": months, "temperature": values})


def nile() -> DataFrame:
    from statsmodels.datasets import nile

    return DataFrame({"volume": nile.load_pandas().data["volume"].to_numpy()})


def steps(time: str, horizon: int) -> dict[str, Any]:
    return {"time": time, "horizon": horizon}


CASES = {
    "nyc_taxi": Case(nab("nyc_taxi"), "value", steps("timestamp", 48)),
    "machine_temperature": Case(
        nab("machine_temperature_system_failure"), "value", steps("timestamp", 12)
    ),
    "ambient_temperature": Case(
        nab("ambient_temperature_system_failure"), "value", steps("timestamp", 24)
    ),
    "speed_t4013": Case(nab("speed_t4013"), "value", steps("timestamp", 6)),
    "melbourne": Case(
        lambda: csv("weather_melbourne_min_temp/daily-min-temperatures.csv"),
        "Temp",
        steps("Date", 1),
    ),
    "seattle": Case(
        lambda: csv("weather_seattle/seattle-weather.csv").drop("weather"),
        "temp_max",
        steps("date", 1),
    ),
    "sunspots": Case(sunspots, "Sunspots", steps("Month", 12)),
    "ETTh1": Case(lambda: csv("ett/ETTh1.csv.gz"), "OT", steps("date", 24)),
    "pollution": Case(pollution, "pm2.5", steps("time", 24)),
    "traffic": Case(traffic, "traffic_volume", steps("date_time", 24)),
    "vix": Case(vix, "CLOSE", steps("DATE", 5)),
    "power": Case(power, "Global_active_power", steps("time", 10)),
    "co2": Case(co2, "co2", steps("date", 13)),
    "elnino": Case(elnino, "temperature", steps("month", 3)),
    "nile": Case(nile, "volume", {"window": 16}),
    "occupancy": Case(occupancy, "Occupancy", {"time": "date", "classes": True}),
    "eye_state": Case(eye_state, "eye", {"classes": True}),
    "elec2": Case(lambda: csv("elec2/elec2.csv.gz"), "class", {"classes": True}),
    "wall_following": Case(lambda: csv("robot_wall_following/sensor_readings_24.data"), "OUTPUT"),
}
"""Name -> case; values first, then classes."""
