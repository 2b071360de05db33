/** Where the bucket is and how to speak to it, with every secret resolved: never log it. */
export interface S3Settings {
  readonly bucket: string;
  /** Stands before every key; ends with `/` where it is not empty. */
  readonly prefix: string;
  /** Undefined: Amazon's own, or as the SDK's variables and files say. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
  /** Undefined: those that the SDK finds (variables, files, roles of the machine). */
  readonly credentials?: S3Credentials | undefined;
  /** How long one call may take, and how long bytes may keep one waiting. */
  readonly timeoutMs: number;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
