/** An environment's settings are recorded so that a plan can tell what differs; daemons read the config when they start. */
import { type Handler, recordOnly } from './handler.ts';

export const environmentHandler: Handler<'environment'> = recordOnly();
