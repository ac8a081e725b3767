"""What makes the episodes: the entry `engine:` of a study file."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from oatmill.source import Frozen, Misspelt

ENGINES = ("builtin", "duckdb", "spark")


class Engine(Frozen):
    """What makes the episodes: Oatmill itself, or the same rule by way of Ibis on DuckDB or on a Spark cluster.

    Where the cluster is stands in an environment variable and is never written anywhere.
    """

    name: str = "builtin"
    master_from: str | None = Field(
        None,
        exclude=True,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable that holds the address of the Spark master or Spark Connect server",
    )
    table: str | None = Field(
        None,
        exclude=True,
        min_length=1,
        description="the log that the intake wrote, where the cluster finds it: schema.table, or a Parquet path; "
        "blank where the cluster can read it in the work folder",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """A name alone stands for an engine without settings."""
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Engine:
        if self.name not in ENGINES:
            raise Misspelt(("engine", "name"), ENGINES, found=self.name)
        if self.name == "spark" and not self.master_from:
            raise ValueError("`master_from:` beside `name: spark`: the environment variable with the cluster's address")
        if self.name != "spark" and (self.master_from or self.table):
            raise ValueError("`master_from:` and `table:` only beside `name: spark`")
        return self


BUILTIN = Engine()
