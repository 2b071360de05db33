/** The only place that reads this machine's clock. What runs beside a database uses the database's clock instead. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
