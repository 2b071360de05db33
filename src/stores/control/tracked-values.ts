/** What runs log, in the words that runs and logged models share. */

export type Texts = Readonly<Record<string, string>>;

export interface MetricPoint {
  readonly key: string;
  /** May be NaN. */
  readonly value: number;
  readonly atMs: number;
  readonly step: number;
}

/** Of a logged model too, as measured on a data set. */
export interface LoggedMetric extends MetricPoint {
  readonly modelId?: string | undefined;
  readonly datasetName?: string | undefined;
  readonly datasetDigest?: string | undefined;
}
