/** A place in a user's file. Lines and columns count from 1; the end is exclusive. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceRange {
  /** Path relative to the project root where it lies below it, else absolute. */
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}
