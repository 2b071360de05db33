/** A column as an engine describes it. `type` is DuckDB's spelling: `BIGINT`, `DOUBLE`, `VARCHAR`, `TIMESTAMP`, … */
export interface Column {
  readonly name: string;
  readonly type: string;
}
